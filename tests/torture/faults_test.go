package torture_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ending is how a fault ends the connection, for faults that no handler can
// make.
type ending int

const (
	byHandler ending = iota
	goAway           // HTTP/2: GOAWAY in the middle of the request
	hangUp           // the connection is closed without a response
)

// fault is one way to break a request.
type fault struct {
	name      string
	strike    func(s *station, w http.ResponseWriter, r *http.Request)
	ending    ending
	forwarded bool // the registry has handled the request
	http1     bool // made of bytes that HTTP/2 cannot send
	http2     bool
	slow      bool // takes a minute or more
}

// largeHeader is the name of a fault that ends a connection of HTTP/2.
const largeHeader = "a header of 2 MiB"

// endsConnection reports whether the answers to other requests may be lost.
func (f fault) endsConnection() bool { return f.ending != byHandler || f.name == largeHeader }

// faults returns all ways to break a request.
func faults() []fault {
	var all []fault
	for _, status := range []int{
		400, 401, 402, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 415, 416, 418, 421, 422, 423, 424, 425, 426, 428, 429, 431, 451,
		500, 501, 502, 503, 504, 507, 508, 511, 520, 521, 524, 599,
	} {
		all = append(all, answer(strconv.Itoa(status), status, nil, `{"errors":[{"code":"UNKNOWN","message":"broken on purpose"}]}`))
	}
	for _, status := range []int{403, 404, 429, 500, 502, 503} {
		all = append(all,
			answer(fmt.Sprintf("%d, HTML", status), status, http.Header{"Content-Type": {"text/html"}}, "<html><h1>broken</h1></html>"),
			answer(fmt.Sprintf("%d, empty", status), status, nil, ""),
		)
	}
	for _, status := range []int{500, 502, 503, 504} { // a client cannot detect a false 4xx
		all = append(all, afterwards(fmt.Sprintf("%d after it was done", status), func(w http.ResponseWriter, _ *httptest.ResponseRecorder) { w.WriteHeader(status) }))
	}
	for _, status := range []int{429, 503} {
		for _, pause := range []string{"0", "1", "-1", "soon", "3600", "99999999999999999999", "Thu, 01 Jan 1970 00:00:00 GMT"} {
			all = append(all, answer(fmt.Sprintf("%d, Retry-After %s", status, pause), status, http.Header{"Retry-After": {pause}}, ""))
		}
	}
	for name, challenge := range map[string]string{
		"Basic": `Basic realm="x"`, "Bearer of a dead host": `Bearer realm="http://127.0.0.1:1/token",service="x"`,
		"Bearer without a realm": `Bearer service="x"`, "unknown": `Negotiate`, "garbage": "\"=,=,\"",
	} {
		all = append(all, answer("401, challenge "+name, 401, http.Header{"Www-Authenticate": {challenge}}, ""))
	}
	all = append(all,
		answer("500, 1 MiB", 500, nil, strings.Repeat("broken ", 1<<17)),
		answer("502, control characters", 502, nil, "\x1b[2J\x1b[31mbroken\x00\n\n\n"),
		answer("200, a portal", 200, http.Header{"Content-Type": {"text/html"}}, "<html><form>Log in to the hotel</form></html>"),
		answer("200, empty", 200, nil, ""),
		answer("201, empty", 201, nil, ""),
		answer("202, empty", 202, nil, ""),
		answer("204", 204, nil, ""),
		answer("206, empty", 206, nil, ""),
		answer("304", 304, nil, ""),
		answer("200, JSON of another kind", 200, http.Header{"Content-Type": {"application/json"}}, `["a"]`),
		answer("301 to nowhere", 301, nil, ""),
		answer("307 to a dead host", 307, http.Header{"Location": {"http://127.0.0.1:1/"}}, ""),
		answer("307 to a file", 307, http.Header{"Location": {"file:///etc/passwd"}}, ""),
		fault{name: "307 to itself", strike: redirect(307)},
		fault{name: "308 to itself", strike: redirect(308)},
		fault{name: "302 to itself", strike: redirect(302)},

		afterwards("another digest", header("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))),
		afterwards("a digest that is none", header("Docker-Content-Digest", "sha256:x")),
		afterwards("no digest", header("Docker-Content-Digest", "")),
		afterwards("no content type", header("Content-Type", "")),
		afterwards("another content type", header("Content-Type", "text/html")),
		afterwards("no location", header("Location", "")),
		afterwards("a location that is none", header("Location", "::")),
		afterwards("another entity tag", header("Etag", `"x"`)),
		afterwards("a flipped byte", func(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
			body := rec.Body.Bytes()
			if len(body) > 0 {
				body[len(body)/2] ^= 1
			}
			copyAnswer(w, rec, body)
		}),
		afterwards("a byte too many", func(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
			rec.Header().Del("Content-Length")
			copyAnswer(w, rec, append(rec.Body.Bytes(), ' '))
		}),
		afterwards("a byte too few", func(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
			rec.Header().Del("Content-Length")
			copyAnswer(w, rec, rec.Body.Bytes()[:max(rec.Body.Len()-1, 0)])
		}),
		afterwards("cut in the body", func(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
			rec.Header().Set("Content-Length", strconv.Itoa(max(rec.Body.Len(), 10)))
			copyAnswer(w, rec, rec.Body.Bytes()[:rec.Body.Len()/2])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}),
		afterwards("slow", func(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
			time.Sleep(700 * time.Millisecond)
			copyAnswer(w, rec, rec.Body.Bytes())
		}),
		afterwards("slow body", func(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
			copyAnswer(w, rec, nil)
			for part := range slices.Chunk(rec.Body.Bytes(), max(rec.Body.Len()/10, 1)) {
				_, _ = w.Write(part)
				_ = http.NewResponseController(w).Flush()
				time.Sleep(50 * time.Millisecond)
			}
		}),
		afterwards(largeHeader, header("X-Large", strings.Repeat("x", 2<<20))),
		afterwards("early hints", func(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
			w.WriteHeader(http.StatusEarlyHints)
			copyAnswer(w, rec, rec.Body.Bytes())
		}),
		afterwards("any other success", func(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
			if rec.Code == http.StatusCreated {
				rec.Code = http.StatusAccepted
			}
			copyAnswer(w, rec, rec.Body.Bytes())
		}),
		fault{name: "done twice", forwarded: true, strike: func(s *station, w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			again := r.Clone(r.Context())
			r.Body, again.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
			s.record(r)
			s.backend.ServeHTTP(w, again)
		}},
		fault{name: "dropped before", ending: hangUp},
		fault{name: "dropped after", ending: hangUp, forwarded: true},
		fault{name: "ended before", strike: func(*station, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		fault{name: "ended after", forwarded: true, strike: func(s *station, _ http.ResponseWriter, r *http.Request) {
			s.record(r)
			panic(http.ErrAbortHandler)
		}},
		fault{name: "GOAWAY", ending: goAway, http2: true},
		fault{name: "GOAWAY after", ending: goAway, forwarded: true, http2: true},
		fault{name: "silence", slow: true, strike: func(s *station, _ http.ResponseWriter, r *http.Request) { s.silent(r) }},
		fault{name: "silence after", slow: true, forwarded: true, strike: func(s *station, _ http.ResponseWriter, r *http.Request) {
			s.record(r)
			s.silent(r)
		}},
		fault{name: "silence in the body", slow: true, forwarded: true, strike: func(s *station, w http.ResponseWriter, r *http.Request) {
			rec := s.record(r)
			rec.Header().Set("Content-Length", strconv.Itoa(max(rec.Body.Len(), 10)))
			copyAnswer(w, rec, rec.Body.Bytes()[:rec.Body.Len()/2])
			_ = http.NewResponseController(w).Flush()
			s.silent(r)
		}},
	)
	for name, bytes := range map[string]string{
		"garbage": "\x16\x03\x01garbage\r\n\r\n", "an empty line": "\r\n\r\n", "half a status line": "HTTP/1.1 20",
		"half a header": "HTTP/1.1 200 OK\r\nContent-Type: applica", "no end of the header": "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n",
		"two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", "a negative length": "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"broken chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc", "a cut chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc",
		"switching protocols": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "HTTP/0.9": "<html>",
		"another version": "HTTP/3.7 200 OK\r\n\r\n", "a status that is none": "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", "SSH": "SSH-2.0-OpenSSH_9.9\r\n",
	} {
		all = append(all, raw(name, bytes, false), raw(name+", after it was done", bytes, true))
	}
	all = append(all,
		fault{name: "reset before", http1: true, strike: func(_ *station, w http.ResponseWriter, _ *http.Request) { reset(w) }},
		fault{name: "reset after", http1: true, forwarded: true, strike: func(s *station, w http.ResponseWriter, r *http.Request) {
			s.record(r)
			reset(w)
		}},
	)
	return all
}

// answer is a response in place of the registry's.
func answer(name string, status int, h http.Header, body string) fault {
	return fault{name: name, strike: func(_ *station, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for k, v := range h {
			w.Header()[k] = v
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // fails for a status without a body
	}}
}

// afterwards changes the answer of the registry.
func afterwards(name string, change func(http.ResponseWriter, *httptest.ResponseRecorder)) fault {
	return fault{name: name, forwarded: true, strike: func(s *station, w http.ResponseWriter, r *http.Request) { change(w, s.record(r)) }}
}

func header(key, value string) func(http.ResponseWriter, *httptest.ResponseRecorder) {
	return func(w http.ResponseWriter, rec *httptest.ResponseRecorder) {
		rec.Header().Set(key, value)
		if value == "" {
			rec.Header()[key] = nil // net/http would add a type
		}
		copyAnswer(w, rec, rec.Body.Bytes())
	}
}

func copyAnswer(w http.ResponseWriter, rec *httptest.ResponseRecorder, body []byte) {
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(body) // none for HEAD
}

func redirect(status int) func(*station, http.ResponseWriter, *http.Request) {
	return func(_ *station, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.RequestURI())
		w.WriteHeader(status)
	}
}

// raw is bytes in place of an answer; then the connection is closed.
func raw(name, bytes string, forwarded bool) fault {
	return fault{name: name, http1: true, forwarded: forwarded, strike: func(s *station, w http.ResponseWriter, r *http.Request) {
		if forwarded {
			s.record(r)
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = conn.Write([]byte(bytes))
		_ = conn.Close()
	}}
}

// reset ends the connection with RST.
func reset(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}
