package cli

import (
	"cmp"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strings"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/config"
	"volenti.dev/volenti/connector/builtin"
	"volenti.dev/volenti/internal/server"
	"volenti.dev/volenti/internal/store"
)

type serveCommand struct {
	place
	AllowPrivateWebhooks bool           `help:"Let webhooks that ask for it be in private networks and without TLS, and read pages of sites there." env:"VOLENTI_ALLOW_PRIVATE_WEBHOOKS"`
	FourEyes             bool           `help:"Let an erasure be approved only by an operator who did not submit it." env:"VOLENTI_FOUR_EYES"`
	Mailing              mailing        `embed:""`
	Packages             string         `help:"Place for packages, where it is not packages in the directory of the data: a directory, or s3://BUCKET/PREFIX?endpoint=URL&region=REGION. Servers that share a database share it, too." placeholder:"PLACE" env:"VOLENTI_PACKAGES"`
	PublicURL            string         `name:"public-url" help:"Where people reach this server: what links in letters begin with. Where it listens unless told." placeholder:"URL" env:"VOLENTI_PUBLIC_URL"`
	TrustedProxies       []netip.Prefix `help:"Networks of proxies in front, as CIDR: from them X-Forwarded-For is believed." placeholder:"CIDR,..." env:"VOLENTI_TRUSTED_PROXIES"`
	CountryHeader        string         `help:"Header in which a trusted proxy says from which country a visitor comes, by ISO 3166, like CF-IPCountry. Nobody's country is known unless told." placeholder:"NAME" env:"VOLENTI_COUNTRY_HEADER"`
	Listen               string         `default:"127.0.0.1:8080" help:"Address to listen on. It speaks HTTP; put a proxy in front that speaks TLS." placeholder:"HOST:PORT" env:"VOLENTI_LISTEN"`
	Metrics              string         `help:"Address to show numbers for Prometheus on, without a key: one that only it reaches. Nowhere unless told." placeholder:"HOST:PORT" env:"VOLENTI_METRICS"`
	MaxUploads           int64          `default:"50" help:"How many MiB of files colleagues may hand in for one request, up to 250." placeholder:"MIB" env:"VOLENTI_MAX_UPLOADS"`
	DownloadTimes        int            `default:"3" help:"How often a link to a package can be used." env:"VOLENTI_DOWNLOAD_TIMES"`
	DownloadDays         int            `default:"7" help:"For how many days a link to a package can be used." env:"VOLENTI_DOWNLOAD_DAYS"`
	PackageDays          int            `default:"30" help:"How many days after the end of a request its package is destroyed." env:"VOLENTI_PACKAGE_DAYS"`
}

// Run answers HTTP requests until the process is told to end. The log goes to
// standard error, a JSON object a line.
func (c *serveCommand) Run(s *session) (err error) {
	if min(c.DownloadTimes, c.DownloadDays, c.PackageDays) < 1 {
		return usage("--download-times, --download-days and --package-days are 1 at least")
	}
	if c.PackageDays < c.DownloadDays {
		return usage("packages would be destroyed before the links to them expire: --package-days is not less than --download-days")
	}
	log := slog.New(slog.NewJSONHandler(s.Err, &slog.HandlerOptions{Level: slog.LevelInfo}))
	if c.MaxUploads < 1 || c.MaxUploads > 250 {
		return usage("--max-uploads must be from 1 to 250")
	}
	if c.CountryHeader != "" && len(c.TrustedProxies) == 0 {
		return usage("--country-header is believed from a proxy only: name it with --trusted-proxies")
	}
	mailer, err := c.Mailing.transport()
	if err != nil {
		return err
	}
	house, err := c.openWith(s, func(err error) { log.Warn("the store tries again", "error", err) })
	if err != nil {
		return err
	}
	defer closing(house, &err)
	listener, err := (&net.ListenConfig{}).Listen(s.ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", c.Listen, err)
	}
	fmt.Fprintf(s.Out, "Volenti answers on http://%s\n", listener.Addr())
	public := strings.TrimSuffix(cmp.Or(c.PublicURL, "http://"+listener.Addr().String()), "/")
	invitation, err := house.InviteFirst(s.ctx, store.DefaultTenant, s.User, s.Now())
	if s.ctx.Err() != nil {
		return nil // it was told to stop while it started
	}
	if err != nil {
		return err
	}
	if invitation != "" {
		fmt.Fprintf(s.Out, "Nobody operates it yet. Its first owner comes by this link, which is good for seven days or until the next start:\n%s/set-up/%s\n", public, invitation)
	}
	srv := &server.Server{
		Limiter: &api.Limiter{Proxies: c.TrustedProxies, Now: s.Now}, CountryHeader: c.CountryHeader,
		House: house, Now: s.Now, Version: version(), Log: log, AllowPrivateWebhooks: c.AllowPrivateWebhooks, FourEyes: c.FourEyes, Uploads: c.MaxUploads << 20,
		PublicURL:     public,
		Configuration: config.Options{Registry: builtin.Registry(), Describe: builtin.Describe, Env: s.Env},
		Downloads:     server.Downloads{Times: c.DownloadTimes, Days: c.DownloadDays, Keep: c.PackageDays},
		Packages:      cmp.Or(c.Packages, filepath.Join(cmp.Or(c.Data, server.DefaultPlace), "packages")),
	}
	if mailer != nil {
		srv.Mail = mailer
	}
	if c.Metrics != "" {
		if srv.Metrics, err = (&net.ListenConfig{}).Listen(s.ctx, "tcp", c.Metrics); err != nil {
			return fmt.Errorf("listen on %s: %w", c.Metrics, err)
		}
	}
	return srv.Serve(s.ctx, listener)
}
