// Package amqptest runs a real RabbitMQ, for tests only.
package amqptest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"tallystick/internal/bus/bustest"
)

// program is where Debian's package has it, without the script around it that wants
// to be root.
const program = "/usr/lib/rabbitmq/bin/rabbitmq-server"

// within is how long a broker may take for anything.
const within = 60 * time.Second

// A Broker is a RabbitMQ in a process of its own, which can be killed. It has a user
// guest with the password guest.
type Broker struct {
	tb    testing.TB
	dir   string
	ports ports
	extra string // of rabbitmq.conf
	plugs []string
	kill  func() // nil: it is down
}

// ports are those of loopback that the broker has: its own, and two of Erlang.
type ports struct{ amqp, dist, epmd int }

// A Change is something that a broker has beyond the usual.
type Change func(*Broker)

// Config adds lines to rabbitmq.conf.
func Config(lines string) Change { return func(b *Broker) { b.extra += lines + "\n" } }

// Plugins enables plugins.
func Plugins(names ...string) Change {
	return func(b *Broker) { b.plugs = append(b.plugs, names...) }
}

// Start starts a broker, which takes some seconds. It is ended when the test ends. A
// test is skipped where there is no RabbitMQ.
func Start(tb testing.TB, changes ...Change) *Broker {
	tb.Helper()
	b := New(tb, changes...)
	b.Up()
	return b
}

// New returns a broker that is down. Its URL is good already: the port was free a
// moment ago.
func New(tb testing.TB, changes ...Change) *Broker {
	tb.Helper()
	if _, err := os.Stat(program); err != nil {
		tb.Skip("RabbitMQ is not installed (apt-get install rabbitmq-server)")
	}
	b := &Broker{tb: tb, dir: tb.TempDir()}
	b.ports = ports{bustest.FreePort(tb), bustest.FreePort(tb), bustest.FreePort(tb)}
	for _, c := range changes {
		c(b)
	}
	b.write("rabbitmq.conf", fmt.Sprintf(
		"listeners.tcp.default = 127.0.0.1:%d\nlog.console = true\nlog.console.level = info\nlog.file = false\n"+
			"disk_free_limit.absolute = 50MB\n%s", b.ports.amqp, b.extra))
	b.write("plugins", fmt.Sprintf("[%s].\n", strings.Join(b.plugs, ",")))
	b.epmd()
	tb.Cleanup(b.end)
	return b
}

func (b *Broker) write(name, text string) {
	b.tb.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
		b.tb.Fatal(err)
	}
}

// epmd starts Erlang's port mapper, which Erlang would else start as a daemon that
// nobody ends.
func (b *Broker) epmd() {
	b.tb.Helper()
	kill, err := bustest.Start([]string{"epmd", "-port", strconv.Itoa(b.ports.epmd)}, nil, "ERL_EPMD_ADDRESS=127.0.0.1")
	if err != nil {
		b.tb.Fatal(err)
	}
	b.tb.Cleanup(kill)
}

// Up starts the broker, on the same ports and folder as before.
func (b *Broker) Up() {
	b.tb.Helper()
	in := func(name string) string { return filepath.Join(b.dir, name) }
	b.write("output", "")
	out, err := os.OpenFile(in("output"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		b.tb.Fatal(err)
	}
	defer out.Close()
	b.kill, err = bustest.Start([]string{program}, out,
		"HOME="+b.dir, "ERL_CRASH_DUMP=/dev/null", "RUNNING_UNDER_SYSTEMD=true", // else it would stay the child of a shell
		fmt.Sprintf("RABBITMQ_NODENAME=t%d@localhost", b.ports.amqp),
		fmt.Sprintf("RABBITMQ_DIST_PORT=%d", b.ports.dist),
		fmt.Sprintf("ERL_EPMD_PORT=%d", b.ports.epmd), "ERL_EPMD_ADDRESS=127.0.0.1",
		"RABBITMQ_MNESIA_BASE="+in("mnesia"), "RABBITMQ_LOG_BASE="+in("log"), "RABBITMQ_CONFIG_FILE="+in("rabbitmq.conf"),
		"RABBITMQ_ENABLED_PLUGINS_FILE="+in("plugins"), "RABBITMQ_CONF_ENV_FILE=/dev/null",
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
	)
	if err != nil {
		b.tb.Fatal(err)
	}
	b.ready()
}

// ready waits until the broker is.
func (b *Broker) ready() {
	b.tb.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); !strings.Contains(b.Log(), "Server startup complete"); <-tick.C {
		if time.Now().After(end) {
			b.tb.Fatalf("RabbitMQ does not start:\n%s", b.Log())
		}
	}
}

// forgets is how long RabbitMQ takes to write down that there is a queue (its database
// writes every two seconds): one that is killed sooner has forgotten a durable queue, and
// what was in it.
const forgets = 3 * time.Second

// Kill ends the broker as kill -9 does, once it has written down which queues there are.
func (b *Broker) Kill() {
	if b.kill != nil {
		<-time.NewTimer(forgets).C
	}
	b.end()
}

func (b *Broker) end() {
	if b.kill != nil {
		b.kill()
		b.kill = nil
	}
}

// URL is where the broker is.
func (b *Broker) URL() string { return fmt.Sprintf("amqp://127.0.0.1:%d", b.ports.amqp) }

// Log returns what the broker has said since it was started.
func (b *Broker) Log() string {
	b.tb.Helper()
	raw, err := os.ReadFile(filepath.Join(b.dir, "output"))
	if err != nil {
		b.tb.Fatal(err)
	}
	return string(raw)
}

// Channel returns a channel of the test's own. It is closed when the test ends.
func (b *Broker) Channel(tb testing.TB) *amqp.Channel {
	tb.Helper()
	conn, err := amqp.Dial(b.URL())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		tb.Fatal(err)
	}
	return ch
}

// Queue makes a durable queue, bound to the exchange if it is not empty.
func (b *Broker) Queue(ch *amqp.Channel, queue, exchange, key string) {
	b.tb.Helper()
	_, err := ch.QueueDeclare(queue, true, false, false, false, nil)
	if err == nil && exchange != "" {
		err = ch.QueueBind(queue, key, exchange, false, nil)
	}
	if err != nil {
		b.tb.Fatal(err)
	}
}
