package emulation

import "testing"

func TestAtLeast(t *testing.T) {
	for text, want := range map[string]bool{
		"qemu-aarch64 version 7.2.22 (Debian 1:7.2+dfsg)": true, "qemu-arm version 6.0.0": true, "qemu-arm version 5.2.0": false,
		"10.0.2": true, "5.99": false, "none": false, "": false,
	} {
		if got := atLeast(text, 6, 0); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if !atLeast("6.18.44-fc\n", 5, 12) || atLeast("5.4.0-42-generic\n", 5, 12) || !atLeast("5.15.0", 5, 12) {
		t.Error("versions of Linux are compared wrongly")
	}
	if passesArgv0("/no/such/emulator") {
		t.Error("an emulator that cannot run passes argv[0]")
	}
}
