package notify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/seed-255eabaa/oms/internal/effect/gateway"
	"github.com/seed-255eabaa/oms/internal/message"
)

// SMTP sends e-mails (RFC 5321), a connection each.
type SMTP struct {
	host, from, domain string
	options            []mail.Option
}

// Schemes of a mail server's URL.
const (
	schemeSTARTTLS = "smtp"       // TLS by STARTTLS, demanded
	schemeTLS      = "smtps"      // TLS from the first byte (RFC 8314)
	schemePlain    = "smtp+plain" // no TLS; passwords are refused
)

// smtpTimeout bounds each step of a connection; the attempt as a whole is bounded by its context.
const smtpTimeout = 8 * time.Second

// NewSMTP reads a URL such as smtp://USER:PASSWORD@HOST:587. From is the sender's address, with a name if wanted.
func NewSMTP(address, from string) (*SMTP, error) {
	server, err := url.Parse(address)
	if err != nil || server.Hostname() == "" {
		return nil, errors.New("the mail server must be written as smtp://USER:PASSWORD@HOST:587, smtps:// or smtp+plain://")
	}
	probe := mail.NewMsg()
	if err := probe.From(from); err != nil {
		return nil, fmt.Errorf("the sender of e-mails: %w", err)
	}
	sender, err := probe.GetSender(false)
	if err != nil {
		return nil, fmt.Errorf("the sender of e-mails: %w", err)
	}
	domain := strings.TrimSuffix(sender[strings.LastIndexByte(sender, '@')+1:], ">")
	s := &SMTP{host: server.Hostname(), from: from, domain: domain}
	port := map[string]int{schemeSTARTTLS: 587, schemeTLS: 465, schemePlain: 25}[server.Scheme]
	switch server.Scheme {
	case schemeSTARTTLS:
		s.options = append(s.options, mail.WithTLSPolicy(mail.TLSMandatory))
	case schemeTLS:
		s.options = append(s.options, mail.WithSSL())
	case schemePlain:
		s.options = append(s.options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		return nil, fmt.Errorf("the mail server's scheme %q is unknown: write smtp, smtps or smtp+plain", server.Scheme)
	}
	if text := server.Port(); text != "" {
		if port, err = strconv.Atoi(text); err != nil {
			return nil, fmt.Errorf("the mail server's port: %w", err)
		}
	}
	s.options = append(s.options, mail.WithPort(port), mail.WithTimeout(smtpTimeout), mail.WithoutNoop())
	if password, found := server.User.Password(); found {
		if server.Scheme == schemePlain {
			return nil, errors.New("smtp+plain would send the password in the clear: write smtp or smtps")
		}
		s.options = append(s.options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(server.User.Username()),
			mail.WithPassword(password))
	}
	return s, nil
}

// Deliver implements Transport.
func (s *SMTP) Deliver(ctx context.Context, m Message) (string, error) {
	letter, err := s.letter(m)
	if err != nil {
		return "", err
	}
	client, err := mail.NewClient(s.host, s.options...)
	if err != nil {
		return "", gateway.Permanent(failing(ReasonMisconfigured, "mail client: %w", err))
	}
	err = client.DialAndSendWithContext(ctx, letter)
	if letter.IsDelivered() { // 250 after DATA; what failed after that is no matter
		return letter.GetMessageID(), nil
	}
	return "", classify(err)
}

// letter writes the e-mail. Its Message-ID follows from the notification, so that each attempt has the same.
func (s *SMTP) letter(m Message) (*mail.Msg, error) {
	letter := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := letter.From(s.from); err != nil {
		return nil, gateway.Permanent(failing(ReasonMisconfigured, "sender: %w", err))
	}
	to, err := message.Deliverable(m.To)
	if err == nil {
		err = letter.To(to)
	}
	if err != nil {
		return nil, &Refusal{Reason: ReasonAddress + ": the address cannot be written to mail servers"} // the error would tell the address
	}
	letter.SetMessageIDWithValue(strings.ReplaceAll(m.Key, ":", ".") + "@" + s.domain)
	letter.SetDate()
	letter.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answers by machines
	letter.SetGenHeader("Content-Language", m.Locale)
	letter.Subject(m.Subject)
	letter.SetBodyString(mail.TypeTextPlain, m.Plain)
	letter.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	return letter, nil
}

// Codes of SMTP's replies (RFC 5321, 4.2.1).
const (
	transient = 400
	permanent = 500
)

// classify tells what an error means. A reply of the server's is a word: 5xx refuses the message for good, 4xx for now. Without one,
// it counts how far the message had come: only at the end of its content may it have been taken.
func classify(err error) error {
	var failed *mail.SendError
	if !errors.As(err, &failed) {
		return gateway.NotReached(scrub(err)) // no connection, no TLS, no login: an operator's to cure
	}
	code := failed.ErrorCode()
	switch {
	case code >= permanent && (failed.Reason == mail.ErrSMTPRcptTo || failed.Reason == mail.ErrSMTPData || failed.Reason == mail.ErrSMTPDataClose):
		return &Refusal{Reason: ReasonRefused + ": " + reply(failed)}
	case code >= transient:
		return gateway.NotReached(failing(ReasonDeferred, "%s", reply(failed)))
	case failed.Reason == mail.ErrSMTPDataClose || failed.Reason == mail.ErrAmbiguous:
		return gateway.Unknown(failing(ReasonAnswerLost, "the mail server's answer to the message was lost"))
	default:
		return gateway.NotReached(failing(ReasonUnreachable, "the connection to the mail server broke before the message was sent"))
	}
}

// reply is what is told of a server's refusal: codes only, since servers repeat the address in their words.
func reply(failed *mail.SendError) string {
	words := "the mail server answered " + strconv.Itoa(failed.ErrorCode())
	if enhanced := failed.EnhancedStatusCode(); enhanced != "" {
		words += " " + enhanced
	}
	return words
}

// scrub keeps of an error what names no user.
func scrub(err error) error {
	var network net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &network) && network.Timeout()):
		return failing(ReasonTimeout, "the mail server did not answer in time")
	default:
		return failing(ReasonUnreachable, "no connection to the mail server: %w", err)
	}
}
