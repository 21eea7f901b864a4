package systemd_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"tallystick/internal/systemd"
)

// TestMain is also the process that is given sockets.
func TestMain(m *testing.M) {
	if os.Getenv("SYSTEMD_TEST_GIVEN") == "" {
		os.Exit(m.Run())
	}
	// As a manager does after the fork; os/exec cannot know the id before.
	os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	given()
}

// given tells what it was given.
func given() {
	s := systemd.Take()
	lns, err := s.Listeners("http")
	fmt.Println(len(lns), err)
	for _, ln := range lns {
		conn, err := ln.Accept()
		if err != nil {
			fmt.Println(err)
			continue
		}
		io.WriteString(conn, "here")
		conn.Close()
	}
	udp, err := s.PacketConns("udp")
	fmt.Println(len(udp), err)
	if len(udp) > 0 {
		b := make([]byte, 100)
		n, _, err := udp[0].ReadFrom(b)
		fmt.Println(string(b[:n]), err)
	}
	again, err := s.Listeners("http")
	fmt.Println(len(again), err)
	_, err = s.Listeners("wrong")
	fmt.Println(err != nil && strings.Contains(err.Error(), `socket "wrong"`))
	fmt.Println(s.Close(), len(s.Close()), systemd.Take().Close(), os.Getenv("LISTEN_FDS"))
}

func TestSockets(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	first, err := tcp.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	second, err := udp.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	to, err := net.Dial("udp", udp.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	io.WriteString(to, "datagram") // waits in the socket

	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "SYSTEMD_TEST_GIVEN=1", "LISTEN_FDS=4", "LISTEN_FDNAMES=http:udp:wrong:other")
	cmd.ExtraFiles = []*os.File{first, second, second, first}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if b, err := io.ReadAll(conn); string(b) != "here" {
		t.Errorf("got %q, %v, want here", b, err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	want := "1 <nil>\n1 <nil>\ndatagram <nil>\n0 <nil>\ntrue\n[other] 0 [] \n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

// Ensure a process that was given nothing, or what is meant for another, has none.
func TestNoSockets(t *testing.T) {
	t.Setenv("LISTEN_FDS", "1")
	t.Setenv("LISTEN_PID", "1")
	s := systemd.Take()
	lns, err := s.Listeners("http")
	if len(lns) != 0 || err != nil || s.Close() != nil {
		t.Errorf("got %v, %v, want nothing", lns, err)
	}
}
