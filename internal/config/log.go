package config

import "log/slog"

// LogValue answers the settings under the names of their flags, so that what a log says can be written into a file of --config.
// Secrets print as asterisks.
func (c Config) LogValue() slog.Value {
	var settings []slog.Attr
	for _, flag := range flags(&c) {
		settings = append(settings, slog.Any(flag.Name, flag.Target.Interface()))
	}
	return slog.GroupValue(settings...)
}
