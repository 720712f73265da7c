package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"
)

// bareFlag has this program be the bare client, so that it is timed as a
// process, too.
const bareFlag = "-bare"

// bareArgs are the arguments of the bare client: REFERENCE=DIR, of extensions if
// packs is set, else of finished layouts.
func bareArgs(packs bool) []string {
	if packs {
		return []string{bareFlag, "pack"}
	}
	return []string{bareFlag, "push"}
}

// Numbers of parallel requests, those of docker extpack.
const (
	barePackages = 32
	bareOfOne    = 16
	bareInFlight = 64
)

// bare is the floor of publishing: a client that sends the requests that the
// distribution specification makes necessary for new content, and no others. It
// looks at nothing, repeats nothing and checks nothing.
type bare struct {
	client   *http.Client
	inFlight chan struct{}
}

// bareContent is a package to publish.
type bareContent struct {
	root  v1.Descriptor
	index v1.Index
	blobs map[digest.Digest]bool
	read  func(digest.Digest) ([]byte, error)
}

// push publishes packages, given as REFERENCE=DIR.
func (b *bare) push(ctx context.Context, args []string, open func(dir string) (*bareContent, error)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(barePackages)
	for _, arg := range args {
		ref, dir, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%s is not REFERENCE=DIR", arg)
		}
		group.Go(func() error {
			c, err := open(dir)
			if err != nil {
				return err
			}
			return b.pushOne(ctx, ref, c)
		})
	}
	return group.Wait()
}

// openLayout reads a finished layout.
func openLayout(dir string) (*bareContent, error) {
	top, err := read[v1.Index](filepath.Join(dir, "index.json"))
	if err != nil {
		return nil, err
	}
	c := &bareContent{root: top.Manifests[0], blobs: map[digest.Digest]bool{}}
	c.read = func(d digest.Digest) ([]byte, error) { return os.ReadFile(blobPath(dir, d)) }
	if c.index, err = read[v1.Index](blobPath(dir, c.root.Digest)); err != nil {
		return nil, err
	}
	for _, m := range c.index.Manifests {
		manifest, err := read[v1.Manifest](blobPath(dir, m.Digest))
		if err != nil {
			return nil, err
		}
		c.blobs[manifest.Config.Digest] = true
		for _, l := range manifest.Layers {
			c.blobs[l.Digest] = true
		}
	}
	return c, nil
}

func (b *bare) pushOne(ctx context.Context, ref string, c *bareContent) error {
	host, rest, _ := strings.Cut(ref, "/")
	repository, tag, _ := strings.Cut(rest, ":")
	base := "http://" + host + "/v2/" + repository
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(bareOfOne)
	for blob := range c.blobs {
		group.Go(func() error { return b.upload(groupCtx, base, c, blob) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	group, groupCtx = errgroup.WithContext(ctx)
	group.SetLimit(bareOfOne)
	for _, m := range c.index.Manifests {
		group.Go(func() error { return b.putManifest(groupCtx, base, c, m, m.Digest.String()) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return b.putManifest(ctx, base, c, c.root, tag)
}

func (b *bare) upload(ctx context.Context, base string, c *bareContent, blob digest.Digest) error {
	resp, err := b.do(ctx, http.MethodPost, base+"/blobs/uploads/", "", nil, http.StatusAccepted)
	if err != nil {
		return err
	}
	at, err := resp.Location()
	if err != nil {
		return err
	}
	query := at.Query()
	query.Set("digest", blob.String())
	at.RawQuery = query.Encode()
	data, err := c.read(blob)
	if err != nil {
		return err
	}
	_, err = b.do(ctx, http.MethodPut, at.String(), "application/octet-stream", data, http.StatusCreated)
	return err
}

func (b *bare) putManifest(ctx context.Context, base string, c *bareContent, desc v1.Descriptor, target string) error {
	data, err := c.read(desc.Digest)
	if err != nil {
		return err
	}
	_, err = b.do(ctx, http.MethodPut, base+"/manifests/"+target, desc.MediaType, data, http.StatusCreated)
	return err
}

func (b *bare) do(ctx context.Context, method, url, contentType string, body []byte, want int) (*http.Response, error) {
	b.inFlight <- struct{}{}
	defer func() { <-b.inFlight }()
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body)) //nolint:gosec // the caller names the registry
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := b.client.Do(req) //nolint:gosec // the caller names the registry
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body) // so that the connection is used again
	if resp.StatusCode != want {
		return nil, fmt.Errorf("%s %s: %s", method, url, resp.Status)
	}
	return resp, nil
}

// runBare is the bare client as a program.
func runBare(ctx context.Context, args []string) error {
	transport := &http.Transport{MaxIdleConnsPerHost: bareInFlight}
	b := &bare{client: &http.Client{Transport: transport}, inFlight: make(chan struct{}, bareInFlight)}
	if args[0] == "pack" {
		return b.push(ctx, args[1:], packBare)
	}
	return b.push(ctx, args[1:], openLayout)
}

func blobPath(dir string, d digest.Digest) string {
	return filepath.Join(dir, "blobs", d.Algorithm().String(), d.Encoded())
}

func read[T any](name string) (T, error) {
	var value T
	data, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(data, &value)
	}
	return value, err
}
