// Package message makes the texts that users are sent: templates by name and locale (BCP 47), filled with the parameters of a
// notification. The defaults are in the program; a folder may bring others, file by file.
//
//	<locale>/<name>.txt    text/template with the blocks "subject", "text" and "sms"
//	<locale>/<name>.html   html/template of the whole e-mail; without it the text's paragraphs are set into layout.html
//
// Each file is tried when it is loaded, so that what is wrong with it is told at the start and not to a user (see try.go).
//
// Amounts are parameters in minor units, and are written exactly, without floating point: {{money .amount_minor .currency}}.
package message

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	texttemplate "text/template"

	"golang.org/x/text/language"
)

//go:embed templates
var embedded embed.FS

// Channels that a text is made for.
const (
	ChannelEmail = "email" // needs the blocks "subject" and "text", and the HTML
	ChannelSMS   = "sms"   // needs the block "sms"
)

// ErrUnknown says that there is no template of the name.
var ErrUnknown = errors.New("message: no such template")

// ErrLocale says that the locale to fall back to is none.
var ErrLocale = errors.New("message: no such locale")

// Text is a message that is ready to be sent.
type Text struct {
	Locale  string // of the template that was found, BCP 47
	Subject string // one line
	Plain   string
	HTML    string
	SMS     string
}

// variant is a template in one language.
type variant struct {
	tag      language.Tag
	text     *texttemplate.Template
	html     *template.Template
	textFile string
	htmlFile string
}

// Templates are those of a process. They do not change.
type Templates struct {
	fallback language.Tag
	byName   map[string][]*variant // the fallback first, where it is there
}

// Load reads the defaults, and the files of a folder over them; "" for none. All are parsed and tried here, so that none fails later.
func Load(folder, fallback string) (*Templates, error) {
	tag, err := language.Parse(fallback)
	if err != nil {
		return nil, fmt.Errorf("%w: %q: %w", ErrLocale, fallback, err)
	}
	defaults, err := fs.Sub(embedded, "templates")
	if err != nil {
		return nil, fmt.Errorf("embedded templates: %w", err)
	}
	sources := []fs.FS{defaults}
	if folder != "" {
		if _, err := os.ReadDir(folder); err != nil { // names the folder, which the errors of a file system do not
			return nil, fmt.Errorf("read templates: %w", err)
		}
		sources = append(sources, os.DirFS(folder))
	}
	files := map[string]string{}
	for _, source := range sources {
		if err := collect(source, files); err != nil {
			return nil, err
		}
	}
	t := &Templates{fallback: tag, byName: map[string][]*variant{}}
	for name, content := range files {
		if !strings.HasSuffix(name, ".txt") {
			continue
		}
		if err := t.add(name, content, files); err != nil {
			return nil, fmt.Errorf("template %s: %w", name, err)
		}
	}
	if err := t.try(); err != nil {
		return nil, err
	}
	for _, variants := range t.byName {
		slices.SortFunc(variants, func(a, b *variant) int {
			if first := t.rank(a) - t.rank(b); first != 0 {
				return first
			}
			return strings.Compare(a.tag.String(), b.tag.String())
		})
	}
	return t, nil
}

// rank puts the fallback before English and that before all others: the first is taken when nothing fits.
func (t *Templates) rank(v *variant) int {
	switch v.tag {
	case t.fallback:
		return 0
	case language.English:
		return 1
	default:
		return 2
	}
}

func collect(source fs.FS, files map[string]string) error {
	err := fs.WalkDir(source, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(source, name)
		files[name] = string(content)
		return err
	})
	if err != nil {
		return fmt.Errorf("read templates: %w", err)
	}
	return nil
}

func (t *Templates) add(file, content string, files map[string]string) error {
	folder, name := path.Split(strings.TrimSuffix(file, ".txt"))
	tag, err := language.Parse(strings.Trim(folder, "/"))
	if err != nil {
		return fmt.Errorf("its folder is no locale: %w", err)
	}
	v := &variant{tag: tag, textFile: file, htmlFile: folder + name + ".html"}
	v.text, err = texttemplate.New(name).Option("missingkey=error").Funcs(functions(tag)).Parse(content)
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	for _, block := range []string{"subject", "text", "sms"} {
		if v.text.Lookup(block) == nil {
			return fmt.Errorf("it has no block %q", block)
		}
	}
	html, found := files[v.htmlFile]
	if !found {
		v.htmlFile = "layout.html"
		html = files[v.htmlFile]
	}
	if v.html, err = template.New(name).Option("missingkey=error").Funcs(functions(tag)).Parse(html); err != nil {
		return fmt.Errorf("parse its HTML, %s: %w", v.htmlFile, err)
	}
	t.byName[name] = append(t.byName[name], v)
	return nil
}

// Has tells whether there is a template of the name.
func (t *Templates) Has(name string) bool { return len(t.byName[name]) > 0 }

// Render fills the template in the language that is nearest to the first of the locales that is not empty: what the channel needs, or all
// for "". Parameters that do not fit are an Unfit.
func (t *Templates) Render(name, channel string, parameters map[string]string, locales ...string) (Text, error) {
	variants := t.byName[name]
	if len(variants) == 0 {
		return Text{}, fmt.Errorf("%w: %s", ErrUnknown, name)
	}
	v := variants[0]
	for _, locale := range locales {
		if locale == "" {
			continue
		}
		tag, err := language.Parse(locale)
		if err != nil {
			return Text{}, fmt.Errorf("the locale %q: %w", locale, err)
		}
		tags := make([]language.Tag, len(variants))
		for i := range variants {
			tags[i] = variants[i].tag
		}
		_, at, _ := language.NewMatcher(tags).Match(tag)
		v = variants[at]
		break
	}
	return v.render(channel, parameters)
}

func (v *variant) render(channel string, parameters map[string]string) (Text, error) {
	text := Text{Locale: v.tag.String()}
	for _, block := range []struct {
		name, channel string
		into          *string
	}{{"subject", ChannelEmail, &text.Subject}, {"text", ChannelEmail, &text.Plain}, {"sms", ChannelSMS, &text.SMS}} {
		if channel != "" && channel != block.channel {
			continue
		}
		var out strings.Builder
		if err := v.text.ExecuteTemplate(&out, block.name, parameters); err != nil {
			return Text{}, unfit(err, v.textFile, parameters)
		}
		*block.into = strings.TrimSpace(out.String())
	}
	if channel == ChannelSMS {
		return text, nil
	}
	text.Subject = strings.Join(strings.Fields(text.Subject), " ") // a parameter must not end the line of a header
	var out strings.Builder
	err := v.html.Execute(&out, map[string]any{
		"Locale": text.Locale, "Subject": text.Subject, "Paragraphs": strings.Split(text.Plain, "\n\n"), "Parameters": parameters,
	})
	if err != nil {
		return Text{}, unfit(err, v.htmlFile, parameters)
	}
	text.HTML = out.String()
	return text, nil
}
