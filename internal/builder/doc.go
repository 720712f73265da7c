// Package builder creates, repairs and removes a builder for several platforms:
// a BuildKit container if there is a Docker Engine, or else a BuildKit daemon
// on this machine.
//
// It only uses the buildx program, never its files, and does not change other
// builders.
package builder
