//go:build !unix

package main

// outputGone is asked where there is SIGPIPE only.
func outputGone() bool { return false }
