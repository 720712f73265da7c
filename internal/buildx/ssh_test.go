package buildx

import "testing"

func TestFindSSHFailure(t *testing.T) {
	const advice = ", make sure the URL is valid, and Docker 18.09 or later is installed on the remote host: stderr="
	for _, c := range []struct{ output, host, plain string }{
		{
			"#1 DONE 0.0s\nERROR: error during connect: Get \"http://docker.example.com/v1.55/containers/x/json\": " +
				"command [ssh -l root -p 38255 -o ConnectTimeout=30 -T -- 127.0.0.1 docker system dial-stdio] has exited with exit status 255" + advice +
				"ssh: connect to host 127.0.0.1 port 38255: Connection refused\r\n\nmore\n",
			"ssh://root@127.0.0.1:38255",
			"#1 DONE 0.0s\nERROR: ssh://root@127.0.0.1:38255 cannot be used: connect to host 127.0.0.1 port 38255: Connection refused\n\nmore\n",
		},
		{
			"command [ssh -o ConnectTimeout=30 -T -- arm.test docker --host unix:///run/d.sock system dial-stdio] has exited with exit status 127" + advice +
				"Warning: Permanently added 'arm.test' to the list of known hosts.\r\nbash: line 1: docker: command not found\n",
			"ssh://arm.test",
			"ssh://arm.test cannot be used: bash: line 1: docker: command not found\n",
		},
		{
			"command [ssh -p 22 -- ::1 docker system dial-stdio] has exited with signal: killed" + advice,
			"ssh://[::1]:22",
			"ssh://[::1]:22 cannot be used: ssh printed no message",
		},
	} {
		failure, plain, ok := FindSSHFailure(c.output)
		if !ok || failure.Host != c.host || plain != c.plain {
			t.Errorf("%q gives %v %q %q", c.output, ok, failure.Host, plain)
		}
	}
	for _, output := range []string{"", "ERROR: command [sh -c x] has exited with 1: stderr=no"} {
		if _, plain, ok := FindSSHFailure(output); ok || plain != output {
			t.Errorf("%q gives %q", output, plain)
		}
	}
}
