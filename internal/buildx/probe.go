package buildx

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"time"
)

const (
	// dialTimeout is how long to try an address if there is another engine.
	dialTimeout = 300 * time.Millisecond
	// answerTimeout is how long a builder may take for its first byte. buildx
	// waits 20 seconds.
	answerTimeout = 3 * time.Second
)

// reply is what an address does with a connection.
type reply int

const (
	speaks reply = iota // or unknown
	refused
	silent
)

// hello is how a client of BuildKit begins: the preface of HTTP/2 with empty
// settings (RFC 9113, 3.4). A server of HTTP/1, as the engine is, or of TLS
// answers with an error.
const hello = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// probe returns what an address does with a connection.
func probe(ctx context.Context, endpoint string, timeout time.Duration) reply {
	network, address, _ := strings.Cut(endpoint, "://")
	if network != "tcp" && network != "unix" {
		return speaks
	}
	dialing, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(dialing, network, address)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) || errors.Is(err, os.ErrPermission) {
		return speaks
	}
	if err != nil {
		return refused
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if conn.SetDeadline(time.Now().Add(answerTimeout)) != nil {
		return speaks
	}
	if _, err = conn.Write([]byte(hello)); err == nil {
		_, err = conn.Read(make([]byte, 1))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return silent
	}
	return speaks
}
