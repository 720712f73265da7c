package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/unpack"
)

// maxRedirects is that of browsers and of Go.
const maxRedirects = 10

// archive downloads and extracts an archive.
func (f Fetcher) archive(ctx context.Context, s *Source, to *Fetched) error {
	file, err := os.Create(to.Root + ".archive") // in the folder of the run, which is removed even if it is killed
	if err != nil {
		return fmt.Errorf("creating a temporary file: %w", err)
	}
	defer os.Remove(file.Name())
	err = f.download(ctx, s, file)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return unpack.Archive(ctx, file.Name(), to.Root)
}

// errSilent is the cause of a download from a server that sends nothing.
var errSilent = errors.New("timed out: the server sends nothing")

func (f Fetcher) download(ctx context.Context, s *Source, w io.Writer) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(cmp.Or(f.Silence, maxSilence), func() { cancel(errSilent) })
	defer silence.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.full, nil)
	if err != nil {
		return errors.New("the URL cannot be used") // it may contain a password
	}
	req.Header.Set("User-Agent", "docker-extpack")
	client := http.Client{Transport: f.Transport, CheckRedirect: checkRedirect}
	resp, err := client.Do(req)
	if err != nil {
		return cmp.Or(context.Cause(ctx), withoutURL(err))
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return diag.Invalidf("not found")
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("the server responded with %s", resp.Status)
	case resp.ContentLength > maxDownload:
		return errTooLarge
	}
	body := io.TeeReader(io.LimitReader(resp.Body, maxDownload+1), progress(func() { silence.Reset(cmp.Or(f.Silence, maxSilence)) }))
	n, err := io.Copy(w, body)
	switch {
	case err != nil:
		return cmp.Or(context.Cause(ctx), withoutURL(err))
	case n > maxDownload:
		return errTooLarge
	}
	return nil
}

// progress is a writer that calls a function for what is written.
type progress func()

func (p progress) Write(b []byte) (int, error) {
	p()
	return len(b), nil
}

// checkRedirect refuses to leave HTTPS, where others on the network could choose
// the content. Go sends the credentials of a URL to its host only.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if from := via[len(via)-1].URL; req.URL.Scheme != from.Scheme && req.URL.Scheme != "https" {
		return diag.Invalidf("the server redirects from %s to %s", from.Scheme, req.URL.Scheme)
	}
	req.Header.Del("Referer")
	return nil
}

// withoutURL returns an error without the URL, which may contain a token.
func withoutURL(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
