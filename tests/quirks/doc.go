// Package quirks is a registry for tests that misbehaves as real registries do.
// It is distribution, in memory, behind one switch per quirk:
//
//	r := quirks.New(t, quirks.HiddenTags(), quirks.PutStatus(202))
//	// push to r.Host()
//	r.Requests("PUT", "/manifests/")
//
// Switches compose: each is a handler in front of the ones after it. A new quirk
// is a new function that returns a [Switch].
//
// It speaks HTTP/1.1, or with [HTTP2] real HTTP/2 over TLS, whose certificate
// authority [Registry.Trust] puts where docker looks for it.
package quirks
