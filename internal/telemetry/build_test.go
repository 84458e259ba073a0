package telemetry

import (
	"runtime/debug"
	"testing"
)

func TestBuild(t *testing.T) {
	t.Parallel()
	info := &debug.BuildInfo{
		Main:     debug.Module{Version: "v1.2.3"},
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}},
	}
	for _, test := range []struct {
		info                         *debug.BuildInfo
		setVersion, setCommit        string
		wantVersion, wantCommit, why string
	}{
		{info, "", "", "v1.2.3", "abc-modified", "from the build"},
		{info, "v2", "def", "v2", "def", "set"},
		{&debug.BuildInfo{}, "", "", "unknown", "unknown", "not told"},
	} {
		if v, c := buildOf(test.info, test.setVersion, test.setCommit); v != test.wantVersion || c != test.wantCommit {
			t.Errorf("%s: %s %s", test.why, v, c)
		}
	}
	if v, c := Build(); v == "" || c == "" {
		t.Errorf("%q %q", v, c)
	}
}
