// Package builder creates, repairs and removes a builder that is fit for
// several platforms: a BuildKit container where there is a Docker engine, else
// a BuildKit daemon of this machine.
//
// Everything goes through the buildx program; its own files are never touched,
// and builders that were not named stay as they are.
package builder
