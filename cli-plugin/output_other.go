//go:build !unix

package cliplugin

// outputGone is only used on systems with SIGPIPE.
func outputGone() bool { return false }
