package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// EnvironmentPrefix begins the name of every setting's environment variable: OMS_API_ADDR is --api-addr.
const EnvironmentPrefix = "OMS"

// Sources makes kong read the environment, and the files of --config (a kong.ConfigFlag), below the flags.
func Sources() []kong.Option {
	return []kong.Option{kong.DefaultEnvars(EnvironmentPrefix), kong.Configuration(ReadFile)}
}

// ReadFile reads settings from YAML: a flat mapping from the names of flags to values.
func ReadFile(r io.Reader) (kong.Resolver, error) {
	name := "the file of --config"
	if file, isFile := r.(*os.File); isFile {
		name = file.Name()
	}
	var raw map[string]yaml.Node
	if err := yaml.NewDecoder(r).Decode(&raw); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	values := make(fileValues, len(raw))
	var problems Problems
	known := settings()
	for key, node := range raw {
		switch value, isValue := text(&node); {
		case !slices.Contains(known, key):
			problems.add("%s, line %d: there is no setting %q; the settings are the flags of `oms serve --help`, without the hyphens "+
				"in front.", name, node.Line, key)
		case !isValue:
			problems.add("%s, line %d: %s must be a value or a list of values.", name, node.Line, key)
		default:
			values[key] = value
		}
	}
	slices.Sort(problems)
	return values, problems.orNil()
}

// text answers a scalar as it is written, a list with commas between its scalars; false for anything else.
func text(node *yaml.Node) (string, bool) {
	switch node.Kind {
	case yaml.ScalarNode:
		return node.Value, true
	case yaml.SequenceNode:
		parts := make([]string, 0, len(node.Content))
		for _, part := range node.Content {
			if part.Kind != yaml.ScalarNode {
				return "", false
			}
			parts = append(parts, part.Value)
		}
		return strings.Join(parts, ","), true
	default:
		return "", false
	}
}

// settings are the names that a file may use.
func settings() []string {
	var names []string
	for _, flag := range flags(&Config{}) {
		names = append(names, flag.Name)
	}
	return names
}

// flags are the flags that settings have.
func flags(c *Config) []*kong.Flag {
	app, err := kong.New(c, kong.NoDefaultHelp())
	if err != nil {
		panic("config: " + err.Error())
	}
	return app.Model.Flags
}

// fileValues resolves flags from a file.
type fileValues map[string]string

// Validate implements kong.Resolver.
func (fileValues) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver. Kong asks for every flag that is not on the command line, also for those which the
// environment has set: these are left alone, it comes before the file.
func (v fileValues) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil //nolint:nilnil // so kong has it
		}
	}
	value, found := v[flag.Name]
	if !found {
		return nil, nil //nolint:nilnil // so kong has it
	}
	return value, nil
}
