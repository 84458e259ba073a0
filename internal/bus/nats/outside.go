package nats

import (
	"crypto/rand"
	"fmt"
	"net"
	"strconv"

	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"
)

// Outside makes room in the embedded server for a public stream, in an account of its own: whoever consumes it can neither see
// nor disturb the internal frames. On an external server the operator separates them, by accounts or permissions.
type Outside struct {
	Stream string // the public stream's name
	Bytes  int64  // its limit
	Addr   string // HOST:PORT where consumers connect; empty for no listener
	Token  string // their password, as the user "consumer"; empty lets everybody in who reaches the address
}

// Users and the account of the embedded server.
const (
	frameUser     = "frames"
	publicUser    = "public"
	consumerUser  = "consumer"
	publicAccount = "PUBLIC"
)

// secrets are the passwords of this process's own connections, for as long as the server runs.
type secrets struct{ frames, public string }

// admit adds the account, the users and the listener to the server's options.
func (o *Outside) admit(options *server.Options) (secrets, error) {
	own := secrets{rand.Text(), rand.Text()}
	account := server.NewAccount(publicAccount)
	options.Accounts = []*server.Account{account}
	options.Users = []*server.User{
		{Username: frameUser, Password: own.frames},
		{Username: publicUser, Password: own.public, Account: account},
		{Username: consumerUser, Password: o.Token, Account: account, Permissions: o.permissions()},
	}
	options.JetStreamMaxStore += o.Bytes
	if o.Addr == "" {
		return own, nil
	}
	host, portText, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return own, fmt.Errorf("address of the bus: %w", err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return own, fmt.Errorf("port of the bus: %w", err)
	}
	options.DontListen, options.Host, options.Port = false, host, int(port)
	if port == 0 {
		options.Port = server.RANDOM_PORT
	}
	if o.Token == "" {
		options.NoAuthUser = consumerUser
	}
	return own, nil
}

// permissions are what consuming one stream takes.
func (o *Outside) permissions() *server.Permissions {
	api := func(what, rest string) string { return "$JS.API." + what + "." + o.Stream + rest }
	return &server.Permissions{
		Publish: &server.SubjectPermission{Allow: []string{
			"$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", api("STREAM.INFO", ""), api("STREAM.MSG.GET", ""),
			api("DIRECT.GET", ""), api("DIRECT.GET", ".>"),
			api("CONSUMER.CREATE", ""), api("CONSUMER.CREATE", ".>"), api("CONSUMER.DURABLE.CREATE", ".*"), api("CONSUMER.INFO", ".*"),
			api("CONSUMER.NAMES", ""), api("CONSUMER.LIST", ""), api("CONSUMER.DELETE", ".*"), api("CONSUMER.MSG.NEXT", ".*"),
			"$JS.ACK." + o.Stream + ".>", "$JS.FC." + o.Stream + ".>",
		}},
		Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX.>"}},
	}
}

// enable gives JetStream to both accounts: a server with accounts leaves that to whoever made them.
func (o *Outside) enable(s *server.Server) error {
	account, err := s.LookupAccount(publicAccount)
	if err != nil {
		return fmt.Errorf("find the public account: %w", err)
	}
	for _, account := range []*server.Account{s.GlobalAccount(), account} {
		if err := account.EnableJetStream(nil, nil); err != nil {
			return fmt.Errorf("enable JetStream for %s: %w", account.Name, err)
		}
	}
	return nil
}

// connect opens the connection of the public stream's publisher.
func (o *Outside) connect(s *server.Server, own secrets) (*client.Conn, error) {
	conn, err := client.Connect("", client.InProcessServer(s), client.UserInfo(publicUser, own.public), client.Name("oms public"),
		client.MaxReconnects(-1), client.ReconnectBufSize(-1))
	if err != nil {
		return nil, fmt.Errorf("connect to the public account: %w", err)
	}
	return conn, nil
}

// Listening answers where outside consumers connect to the embedded server; empty without a listener.
func (b *Bus) Listening() string { return b.listening }
