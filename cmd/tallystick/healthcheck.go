package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tallystick/internal/config"
)

// healthWithin is how long a server may take to say how it is.
const healthWithin = 5 * time.Second

func (a *app) healthcheckCommand() *cobra.Command {
	var live bool
	cmd := a.configured(&cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the server of the configuration whether it is ready",
		Long: `Ask the server that the configuration describes, on this machine, whether it is ready
to take in and to answer, and exit with 0 if it is. It needs no token. It is for
containers, which have nothing else to ask with.`,
		Example: `  tallystick healthcheck --config configs/site.yaml
  tallystick healthcheck --live`,
		Args: cobra.NoArgs,
		RunE: a.Entering(func(cmd *cobra.Command) error {
			cfg, err := config.Load(a.Sources)
			if err != nil {
				return err
			}
			path := "/readyz"
			if live {
				path = "/healthz"
			}
			return a.healthcheck(cmd.Context(), cfg.HTTP, path)
		}),
	})
	cmd.Flags().BoolVar(&live, "live", false, "ask only whether it answers at all, as while it restores")
	return cmd
}

func (a *app) healthcheck(ctx context.Context, cfg config.HTTP, path string) error {
	network, at := config.Network(cfg.Listen[0])
	scheme := "http"
	if network == "tcp" {
		at = nearby(at)
		if cfg.TLS.On() {
			scheme = "https"
		}
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, at)
		},
		// The certificate is for names that others use, and nothing secret is asked or told.
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true},
	}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, healthWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://localhost"+path, nil)
	if err != nil {
		return err
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", cfg.Listen[0], err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s %s", cfg.Listen[0], res.Status, strings.TrimSpace(string(body)))
	}
	_, err = a.Stdout.Write(body)
	return err
}

// nearby returns where what is served on all addresses is reached from here.
func nearby(address string) string {
	host, port, err := net.SplitHostPort(address)
	ip, ipErr := netip.ParseAddr(host)
	switch {
	case err != nil:
		return address
	case host == "" || ipErr == nil && ip.Is4() && ip.IsUnspecified():
		return net.JoinHostPort("127.0.0.1", port)
	case ipErr == nil && ip.IsUnspecified():
		return net.JoinHostPort("::1", port)
	}
	return address
}
