package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/extpack/extpack/internal/diag"
	"github.com/extpack/extpack/internal/unpack"
)

// maxRedirects is that of browsers and of Go.
const maxRedirects = 10

// archive downloads and extracts an archive.
func (f Fetcher) archive(ctx context.Context, s *Source, to *Fetched) error {
	file, err := os.CreateTemp("", "extpack-*.tgz")
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

func (f Fetcher) download(ctx context.Context, s *Source, w io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.full, nil)
	if err != nil {
		return errors.New("the URL cannot be used") // it may hold a password
	}
	req.Header.Set("User-Agent", "docker-extpack")
	client := http.Client{Transport: f.Transport, CheckRedirect: checkRedirect}
	resp, err := client.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return diag.Invalidf("it was not found")
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("the server answered %s", resp.Status)
	case resp.ContentLength > maxDownload:
		return errTooLarge
	}
	n, err := io.Copy(w, io.LimitReader(resp.Body, maxDownload+1))
	if err == nil && n > maxDownload {
		err = errTooLarge
	}
	return withoutURL(err)
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

// withoutURL returns an error without the URL, which may hold a token.
func withoutURL(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}
