//go:build !unix

package cliplugin

// outputGone is asked where there is SIGPIPE only.
func outputGone() bool { return false }
