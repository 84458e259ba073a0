package app

import (
	"errors"
	"fmt"

	omsv1 "github.com/seed-255eabaa/oms/gen/oms/v1"
	providerv1 "github.com/seed-255eabaa/oms/gen/provider/v1"
	"github.com/seed-255eabaa/oms/internal/config"
	"github.com/seed-255eabaa/oms/internal/contract"
	"github.com/seed-255eabaa/oms/internal/edge/auth"
	"github.com/seed-255eabaa/oms/internal/edge/service"
	"github.com/seed-255eabaa/oms/internal/edge/shopapi"
	"github.com/seed-255eabaa/oms/internal/message"
)

// files are what the settings' files hold.
type files struct {
	authenticator *auth.Authenticator
	keys          *shopapi.Keys // nil where nobody's signature is asked for
	templates     *message.Templates
}

// CheckFiles finds what is wrong with the files that settings name and the configuration cannot read by itself: a sentence each, that
// names the flag. They are settings: a server that is started again refuses them again.
func CheckFiles(c *config.Config) config.Problems {
	_, problems := readFiles(c)
	return problems
}

// readFiles reads all files, also behind one that is wrong.
func readFiles(c *config.Config) (f files, problems config.Problems) {
	note := func(flag, value string, err error) {
		if err != nil {
			problems = append(problems, fmt.Sprintf("--%s=%s: %v.", flag, value, err))
		}
	}
	var err error
	f.authenticator = auth.Open()
	if c.AuthMode() == config.Credentials {
		f.authenticator = &auth.Authenticator{} // nobody, also where no file is named
		if c.CredentialsFile != "" {
			f.authenticator, err = auth.Load(c.CredentialsFile, service.Scopes(methods()))
			note("credentials-file", c.CredentialsFile, err)
		}
		f.keys = &shopapi.Keys{} // nobody's signature can be verified, and so nobody may order
	}
	if c.ShopKeysFile != "" {
		f.keys, err = shopapi.LoadKeys(c.ShopKeysFile)
		note("shop-keys-file", c.ShopKeysFile, err)
	}
	f.templates, err = message.Load(c.NotifyTemplates, c.NotifyLocale)
	if errors.Is(err, message.ErrLocale) {
		note("notify-locale", c.NotifyLocale, errors.New("it is no locale: write one such as en or de-AT"))
	} else {
		note("notify-templates", c.NotifyTemplates, err)
	}
	return f, problems
}

// methods are all of the contract's.
func methods() contract.Table { return contract.NewTable(omsv1.Methods, providerv1.Methods) }
