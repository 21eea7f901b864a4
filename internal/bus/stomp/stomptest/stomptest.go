// Package stomptest runs a real ActiveMQ that speaks STOMP, for tests only.
package stomptest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"tallystick/internal/bus/bustest"
)

// program is where Debian's package has it, without the script around it that wants
// an installed instance.
const program = "/usr/share/activemq/bin/activemq.jar"

// within is how long a broker may take to start.
const within = 60 * time.Second

// User is who the broker knows.
const User = "tally"

// Password is User's.
const Password = "stick"

// A Broker is an ActiveMQ in a process of its own, which can be killed.
type Broker struct {
	tb   testing.TB
	dir  string
	port int
	tls  int    // port; 0: none
	kill func() // nil: it is down
}

const config = `<beans xmlns="http://www.springframework.org/schema/beans" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://www.springframework.org/schema/beans http://www.springframework.org/schema/beans/spring-beans-2.0.xsd
  http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
  <broker xmlns="http://activemq.apache.org/schema/core" useJmx="false" brokerName="t" dataDirectory="%[1]s/data" useShutdownHook="false">
    <plugins><simpleAuthenticationPlugin><users>
      <authenticationUser username="%[3]s" password="%[4]s" groups="users"/>
    </users></simpleAuthenticationPlugin></plugins>
    <persistenceAdapter><kahaDB directory="%[1]s/kahadb"/></persistenceAdapter>
    %[5]s
    <transportConnectors><transportConnector name="stomp" uri="stomp://127.0.0.1:%[2]d"/>%[6]s</transportConnectors>
  </broker>
</beans>
`

// Start starts a broker, which takes some seconds. It is ended when the test ends. A
// test is skipped where there is no ActiveMQ.
func Start(tb testing.TB) *Broker {
	tb.Helper()
	return StartTLS(tb, nil)
}

// StartTLS starts a broker that also listens with a certificate of the authority, and wants
// one of its clients; nil: it does not. The stores of Java are made by openssl and keytool.
func StartTLS(tb testing.TB, ca *bustest.Authority) *Broker {
	tb.Helper()
	if _, err := os.Stat(program); err != nil {
		tb.Skip("ActiveMQ is not installed (apt-get install activemq)")
	}
	if _, err := exec.LookPath("java"); err != nil {
		tb.Skip("Java is not installed")
	}
	b := &Broker{tb: tb, dir: tb.TempDir(), port: bustest.FreePort(tb)}
	context, connector := b.secure(ca)
	text := fmt.Sprintf(config, b.dir, b.port, User, Password, context, connector)
	if err := os.WriteFile(filepath.Join(b.dir, "activemq.xml"), []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(b.Kill)
	b.Up()
	return b
}

// secure returns what the configuration has of TLS.
func (b *Broker) secure(ca *bustest.Authority) (context, connector string) {
	if ca == nil {
		return "", ""
	}
	b.tls = bustest.FreePort(b.tb)
	cert, key := ca.Files("broker")
	keys, trust := filepath.Join(b.dir, "keys.p12"), filepath.Join(b.dir, "trust.p12")
	const secret = "of this test" // the stores need one
	b.run("openssl", "pkcs12", "-export", "-in", cert, "-inkey", key, "-out", keys, "-passout", "pass:"+secret)
	b.run("keytool", "-importcert", "-noprompt", "-alias", "ca", "-file", ca.File, "-keystore", trust, "-storetype", "PKCS12", "-storepass", secret)
	return fmt.Sprintf(`<sslContext><sslContext keyStore="file:%s" keyStoreType="PKCS12" keyStorePassword="%s"
      trustStore="file:%s" trustStoreType="PKCS12" trustStorePassword="%[2]s"/></sslContext>`, keys, secret, trust),
		fmt.Sprintf(`<transportConnector name="tls" uri="stomp+ssl://127.0.0.1:%d?needClientAuth=true"/>`, b.tls)
}

func (b *Broker) run(name string, args ...string) {
	b.tb.Helper()
	if _, err := exec.LookPath(name); err != nil {
		b.tb.Skipf("%s is not installed", name)
	}
	if out, err := exec.CommandContext(b.tb.Context(), name, args...).CombinedOutput(); err != nil {
		b.tb.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// Up starts the broker, on the same port and folder as before.
func (b *Broker) Up() {
	b.tb.Helper()
	out, err := os.OpenFile(filepath.Join(b.dir, "output"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		b.tb.Fatal(err)
	}
	defer out.Close()
	b.kill, err = bustest.Start([]string{
		"java", "-Xmx256m", "-Dactivemq.home=/usr/share/activemq", "-Dactivemq.base=" + b.dir, "-Dactivemq.conf=" + b.dir,
		"-Dactivemq.data=" + filepath.Join(b.dir, "data"), "-Djava.io.tmpdir=" + b.dir,
		"-jar", program, "start", "xbean:file:" + filepath.Join(b.dir, "activemq.xml"),
	}, out)
	if err != nil {
		b.tb.Fatal(err)
	}
	b.ready()
}

// ready waits until the broker listens.
func (b *Broker) ready() {
	b.tb.Helper()
	var d net.Dialer
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); time.Now().Before(end); <-tick.C {
		conn, err := d.DialContext(b.tb.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", b.port))
		if err == nil {
			_ = conn.Close()
			return
		}
	}
	said, _ := os.ReadFile(filepath.Join(b.dir, "output"))
	b.tb.Fatalf("ActiveMQ does not start:\n%s", said)
}

// Kill ends the broker as kill -9 does.
func (b *Broker) Kill() {
	if b.kill != nil {
		b.kill()
		b.kill = nil
	}
}

// URL is where the broker is.
func (b *Broker) URL() string { return fmt.Sprintf("stomp://127.0.0.1:%d", b.port) }

// TLS is where the broker is with TLS.
func (b *Broker) TLS() string { return fmt.Sprintf("stomps://127.0.0.1:%d", b.tls) }
