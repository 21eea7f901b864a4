package bus

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
)

// ReadSecret returns the first line of a file, without the blanks around it.
func ReadSecret(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(raw), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", fmt.Errorf("%s: the first line is empty", path)
	}
	return line, nil
}

// Files name what TLS needs, in PEM.
type Files struct {
	CA        string // who the broker's certificate is signed by; empty: one the system trusts
	Cert, Key string // our own certificate, empty for none
}

// Check reads the files, and returns what is wrong with them, each with its key.
func (f Files) Check() (problems []Problem) {
	if _, err := (Files{CA: f.CA}).TLS(); err != nil {
		problems = append(problems, Problem{"ca_file", err})
	}
	if _, err := (Files{Cert: f.Cert, Key: f.Key}).TLS(); err != nil {
		problems = append(problems, Problem{"cert_file", err})
	}
	return problems
}

// CheckSecret reads the file of a key, if it names one, and returns what is wrong with it.
func CheckSecret(key, path string) []Problem {
	if path == "" {
		return nil
	}
	if _, err := ReadSecret(path); err != nil {
		return []Problem{{key, err}}
	}
	return nil
}

// TLS reads the files.
func (f Files) TLS() (*tls.Config, error) {
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		pem, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, err
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: has no certificate in PEM", f.CA)
		}
	}
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, fmt.Errorf("%s, %s: %w", f.Cert, f.Key, err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}
