//go:build !linux

package sandbox

import (
	"errors"
	"os"
	"os/exec"
)

var errLinuxOnly = errors.New("the sandbox needs Linux: run it in a virtual machine or a container, or publish to a registry of your own")

func startProcess(*exec.Cmd, bool) error { return errLinuxOnly }

func signalGroup(int, os.Signal) error { return errLinuxOnly }

func isProcess(int, string, string) bool { return false }

func findProcess(string, string) int { return 0 }

func processGone(int) bool { return true }

func tryLock(*os.File) error { return nil }

func unmountBelow(string) error { return nil }
