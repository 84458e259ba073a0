package telemetry

import "runtime/debug"

// Set at build time with -ldflags "-X …/internal/telemetry.version=… -X …/internal/telemetry.commit=…" where the source has no
// history, as in a container.
var version, commit string

// Build answers which version of the program runs, and from which commit it was built; "unknown" where the build did not tell.
func Build() (programVersion, fromCommit string) {
	info, found := debug.ReadBuildInfo()
	if !found {
		info = &debug.BuildInfo{}
	}
	return buildOf(info, version, commit)
}

func buildOf(info *debug.BuildInfo, setVersion, setCommit string) (programVersion, fromCommit string) {
	programVersion, fromCommit = setVersion, setCommit
	if programVersion == "" {
		programVersion = info.Main.Version
	}
	modified := ""
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision" && fromCommit == "":
			fromCommit = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true" && setCommit == "":
			modified = "-modified"
		}
	}
	if programVersion == "" {
		programVersion = "unknown"
	}
	if fromCommit == "" {
		return programVersion, "unknown"
	}
	return programVersion, fromCommit + modified
}
