package cli

import (
	"cmp"
	"fmt"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"volenti.dev/volenti/api"
	"volenti.dev/volenti/config/source"
	"volenti.dev/volenti/consent/site"
)

type siteCommands struct {
	New      siteNewCommand      `cmd:"" help:"Make a site, with the usual categories to begin with."`
	List     siteListCommand     `cmd:"" help:"List the sites."`
	Draft    siteDraftCommand    `cmd:"" help:"Write the draft of a site, or save one from a file."`
	Changes  siteChangesCommand  `cmd:"" help:"Show what visitors would see changed if the draft were published."`
	Publish  sitePublishCommand  `cmd:"" help:"Publish the draft of a site as its next version."`
	Versions siteVersionsCommand `cmd:"" help:"List what was published of a site."`
	Snippet  siteSnippetCommand  `cmd:"" help:"Show what goes into the pages of a site."`
	Check    siteCheckCommand    `cmd:"" help:"Read a page of a site, and say whether its banner can do its work there."`
	Services siteServicesCommand `cmd:"" help:"Look for services that sites embed, or say which are behind addresses that a page loads."`
	Sync     siteSyncCommand     `cmd:"" help:"Bring the vendors of a site's draft up to the services of the registry."`
	Count    siteCountCommand    `cmd:"" help:"Show what visitors of a site chose, without numbers that could tell of single persons."`
}

// oneSite is a site on a server.
type oneSite struct {
	remote
	Site string `arg:"" help:"The site's id, key or name."`
}

// find gives the site that is meant.
func (c *oneSite) find(s *session) (site.Summary, error) {
	var all api.SiteList
	if err := c.get(s, "/sites", &all); err != nil {
		return site.Summary{}, err
	}
	var found []site.Summary
	for _, one := range all.Items {
		if one.ID == c.Site || one.Key == c.Site {
			return one, nil
		}
		if one.Name == c.Site {
			found = append(found, one)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return site.Summary{}, failure{exitNotFound, fmt.Errorf("there is no site %q: volenti site list shows those that there are", c.Site)}
	}
	return site.Summary{}, usage("%d sites are called %q: give the id of one, as volenti site list shows it", len(found), c.Site)
}

func pathOfSite(id string, more ...string) string {
	return "/sites/" + strings.Join(append([]string{url.PathEscape(id)}, more...), "/")
}

type siteNewCommand struct {
	remote
	Name string `arg:"" help:"What operators call it."`
	JSON bool   `help:"Write the site as JSON."`
}

// Run makes a site.
func (c *siteNewCommand) Run(s *session) error {
	var made api.Site
	if err := c.post(s, "/sites", map[string]string{"name": c.Name}, &made); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, made)
	}
	fmt.Fprintf(s.Out, "Site %s, key %s.\nWrite its draft to a file, say there on which origins it is shown, and save it:\n  volenti site draft %[1]s > site.yml\n  volenti site draft %[1]s site.yml\n", made.ID, made.Key)
	return nil
}

type siteListCommand struct {
	remote
	JSON bool `help:"Write the sites as JSON."`
}

// Run lists the sites.
func (c *siteListCommand) Run(s *session) error {
	var all api.SiteList
	if err := c.get(s, "/sites", &all); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, all.Items)
	}
	if len(all.Items) == 0 {
		fmt.Fprintln(s.Out, "There is no site yet: volenti site new NAME makes one.")
		return nil
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "ID\tKEY\tNAME\tVERSION\tDRAFT EDITED")
	for _, one := range all.Items {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", one.ID, one.Key, one.Name, published(one.Version), one.Edited.UTC().Format(time.RFC3339))
	}
	return table.Flush()
}

func published(version int) string {
	if version == 0 {
		return "-"
	}
	return strconv.Itoa(version)
}

type siteDraftCommand struct {
	oneSite
	File string `arg:"" optional:"" help:"YAML to save as the draft, - for standard input; the draft is written unless given."`
	Name string `help:"What operators call the site from now on." placeholder:"NAME"`
	JSON bool   `help:"Write the draft as JSON."`
}

// revised is the first line of a draft that this command has written: who saves
// it says with it which one they saw.
var revised = regexp.MustCompile(`^# Revision ([0-9]+) `)

// Run writes the draft, or saves one.
func (c *siteDraftCommand) Run(s *session) error {
	one, err := c.find(s)
	if err != nil {
		return err
	}
	if c.File != "" {
		return c.save(s, one)
	}
	var shown api.Site
	if err := c.get(s, pathOfSite(one.ID), &shown); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, shown.Draft)
	}
	text, err := site.FormatDraft(shown.Draft)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "# Revision %d of site %s. Saved over a later one, it is refused.\n%s", shown.Revision, one.ID, text)
	return nil
}

func (c *siteDraftCommand) save(s *session, one site.Summary) error {
	name, text, err := c.read(s)
	if err != nil {
		return err
	}
	var report source.Report
	draft := site.ParseDraft(name, text, nil, &report)
	if report.Errors() > 0 {
		return problemsIn("the draft", report.Problems())
	}
	revision := one.Revision
	if m := revised.FindSubmatch(text); m != nil {
		if revision, err = strconv.ParseInt(string(m[1]), 10, 64); err != nil {
			return usage("%s: the number of its revision cannot be one", name)
		}
	}
	var saved api.Site
	body := map[string]any{"revision": revision, "name": cmp.Or(c.Name, one.Name), "draft": draft}
	if err := c.ask(s, "PUT", pathOfSite(one.ID, "draft"), "", body, &saved); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, saved)
	}
	fmt.Fprintf(s.Out, "Revision %d of the draft is saved.\n", saved.Revision)
	for _, p := range saved.Problems {
		fmt.Fprintf(s.Out, "  before it can be published: %s: %s\n", p.Field, p.Text)
	}
	return nil
}

// read gives the file and what it is called in problems.
func (c *siteDraftCommand) read(s *session) (name string, text []byte, err error) {
	from := s.In
	name = c.File
	if c.File == "-" {
		name = "standard input"
	} else {
		f, err := os.Open(c.File)
		if err != nil {
			return "", nil, failure{exitUsage, err}
		}
		defer func() { _ = f.Close() }()
		from = f
	}
	text, err = io.ReadAll(io.LimitReader(from, site.MaxDraft+1))
	if err == nil && len(text) > site.MaxDraft {
		return "", nil, usage("%s is larger than a draft can be, %d KiB", name, site.MaxDraft>>10)
	}
	return name, text, err
}

type siteChangesCommand struct {
	oneSite
	JSON bool `help:"Write the changes as JSON."`
}

// Run shows what publishing would change.
func (c *siteChangesCommand) Run(s *session) error {
	one, err := c.find(s)
	if err != nil {
		return err
	}
	var changes api.SiteChanges
	if err := c.get(s, pathOfSite(one.ID, "changes"), &changes); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, changes)
	}
	switch {
	case changes.Version == 0:
		fmt.Fprintln(s.Out, "Nothing is published yet.")
	case len(changes.Differences) == 0:
		fmt.Fprintf(s.Out, "Visitors would see nothing that is not in version %d.\n", changes.Version)
	default:
		fmt.Fprintf(s.Out, "Against version %d:\n", changes.Version)
		tellChanges(s.Out, changes.Differences)
	}
	if changes.Material {
		fmt.Fprintln(s.Out, "What is marked widens what visitors have agreed to: they are asked again. Publish it with --material.")
	}
	for _, p := range changes.Problems {
		fmt.Fprintf(s.Out, "before it can be published: %s: %s\n", p.Field, p.Text)
	}
	return nil
}

func tellChanges(w io.Writer, all []site.Difference) {
	for _, d := range all {
		mark := " "
		if d.Widens {
			mark = "!"
		}
		what := d.Kind + " " + d.Key
		if d.Kind == "order" {
			what = "the order of each " + d.Key
		}
		if d.Language != "" {
			what += " in " + d.Language
		}
		fmt.Fprintf(w, "%s %-8s %s\n", mark, d.How, what)
		for _, f := range d.Fields {
			fmt.Fprintf(w, "             %s: %s -> %s\n", f.Field, brief(f.Before), brief(f.After))
		}
	}
}

// brief writes a value in one short line.
func brief(v any) string {
	text := []rune("nothing")
	if v != nil {
		text = []rune(strings.Join(strings.Fields(fmt.Sprint(v)), " "))
	}
	if len(text) > 60 {
		text = append(text[:59:59], '…')
	}
	return string(text)
}

type sitePublishCommand struct {
	oneSite
	Material bool              `help:"Ask all visitors again."`
	Summary  map[string]string `help:"By language, what has changed, for visitors who are asked again." placeholder:"LANGUAGE=TEXT"`
	By       string            `name:"classified-by" required:"" help:"Who decided whether the change is material." placeholder:"NAME"`
	JSON     bool              `help:"Write the version as JSON."`
}

// Run publishes the draft as it is now.
func (c *sitePublishCommand) Run(s *session) error {
	one, err := c.find(s)
	if err != nil {
		return err
	}
	var made api.SiteVersion
	body := map[string]any{"revision": one.Revision, "material": c.Material, "summary": c.Summary, "classified_by": c.By}
	if err := c.post(s, pathOfSite(one.ID, "publish"), body, &made); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, made)
	}
	fmt.Fprintf(s.Out, "Version %d of site %s, digest %s.\n", made.Number, one.ID, made.Digest)
	return nil
}

type siteVersionsCommand struct {
	oneSite
	JSON bool `help:"Write the versions as JSON."`
}

// Run lists the versions, newest first.
func (c *siteVersionsCommand) Run(s *session) error {
	one, err := c.find(s)
	if err != nil {
		return err
	}
	var all api.SiteVersions
	if err := c.get(s, pathOfSite(one.ID, "versions"), &all); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, all.Items)
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "VERSION\tPUBLISHED\tMATERIAL\tDIGEST")
	for _, v := range all.Items {
		fmt.Fprintf(table, "%d\t%s\t%t\t%s\n", v.Number, v.Published.UTC().Format(time.RFC3339), v.Material, v.Digest)
	}
	return table.Flush()
}

type siteSnippetCommand struct {
	oneSite
	PublicURL string `name:"public-url" help:"Where visitors reach the server, where that is not --server." placeholder:"URL"`
}

// Run writes the line that goes into the pages.
func (c *siteSnippetCommand) Run(s *session) error {
	one, err := c.find(s)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "<script src=%q data-site=%q async></script>\n", strings.TrimSuffix(cmp.Or(c.PublicURL, c.Server), "/")+"/sdk/banner.js", one.Key)
	return nil
}

type siteServicesCommand struct {
	remote
	Words   string   `arg:"" optional:"" help:"Words that are in the key, name, provider, category or hosts."`
	Address []string `help:"An address that a page loads, or a host; as often as needed." placeholder:"URL"`
	JSON    bool     `help:"Write the services as JSON."`
}

// Run lists services of the registry.
func (c *siteServicesCommand) Run(s *session) error {
	var page api.ServicePage
	var err error
	switch {
	case c.Words != "" && len(c.Address) > 0:
		return usage("give words or addresses, not both")
	case len(c.Address) > 0:
		err = c.post(s, "/services/recognise", map[string][]string{"addresses": c.Address}, &page)
	default:
		err = c.get(s, "/services?"+url.Values{"q": {c.Words}, "limit": {"1000"}}.Encode(), &page)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, page.Items)
	}
	if len(page.Items) == 0 {
		fmt.Fprintln(s.Out, "There is no such service in the registry; a draft can name vendors of its own.")
		return nil
	}
	table := tabwriter.NewWriter(s.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "KEY\tNAME\tPROVIDER\tCOUNTRY\tCATEGORY")
	for _, one := range page.Items {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", one.Key, one.Name, one.Provider, one.Country, one.Category)
	}
	return table.Flush()
}

type siteSyncCommand struct {
	oneSite
	Services   []string          `arg:"" optional:"" help:"Keys of services to take into the draft, beside those that it has."`
	Categories map[string]string `help:"Which of the site's categories one of the registry is, where they are called differently." placeholder:"REGISTRY=SITE"`
	JSON       bool              `help:"Write what changed as JSON."`
}

// Run brings the draft up to the registry.
func (c *siteSyncCommand) Run(s *session) error {
	one, err := c.find(s)
	if err != nil {
		return err
	}
	var synced api.SiteSync
	body := map[string]any{"revision": one.Revision, "services": append([]string{}, c.Services...)}
	if len(c.Categories) > 0 {
		body["categories"] = c.Categories
	}
	if err := c.post(s, pathOfSite(one.ID, "sync"), body, &synced); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, synced)
	}
	for _, key := range synced.Added {
		fmt.Fprintf(s.Out, "added    %s\n", key)
	}
	for _, f := range synced.Changed {
		fmt.Fprintf(s.Out, "changed  %s: %s\n", f.Vendor, strings.Join(f.Fields, ", "))
	}
	for _, key := range synced.Removed {
		fmt.Fprintf(s.Out, "removed  %s: the registry does not know it any more\n", key)
	}
	for _, f := range synced.Kept {
		fmt.Fprintf(s.Out, "kept     %s: %s, as you have set it\n", f.Vendor, strings.Join(f.Fields, ", "))
	}
	for _, key := range synced.Inactive {
		fmt.Fprintf(s.Out, "off      %s\n", key)
	}
	for _, l := range synced.Lacks {
		wanted := append([]string{}, l.Google...)
		if l.Sale {
			wanted = append(wanted, "sale, or Global Privacy Control does not reach it")
		}
		fmt.Fprintf(s.Out, "lacks    %s: %s\n", l.Category, strings.Join(wanted, ", "))
	}
	if !synced.Changes() {
		fmt.Fprintln(s.Out, "The draft is up to the registry.")
	}
	return nil
}

type siteCountCommand struct {
	oneSite
	By   site.Axis `default:"day" enum:"day,country,language,version,source" help:"What to count by: day, country, language, version or source."`
	From string    `help:"First day, in UTC; the last 30 days unless told." placeholder:"YYYY-MM-DD"`
	To   string    `help:"Last day; today unless told." placeholder:"YYYY-MM-DD"`
	JSON bool      `help:"Write the statistics as JSON."`
}

// Run shows the statistics of a site.
func (c *siteCountCommand) Run(s *session) error {
	one, err := c.find(s)
	if err != nil {
		return err
	}
	query := url.Values{"by": {string(c.By)}}
	for name, day := range map[string]string{"from": c.From, "to": c.To} {
		if day != "" {
			query.Set(name, day)
		}
	}
	var counted api.SiteStatistics
	if err := c.get(s, pathOfSite(one.ID, "statistics")+"?"+query.Encode(), &counted); err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(s, counted)
	}
	tellStatistics(s.Out, counted)
	return nil
}

// tellStatistics writes a line for each part, with the percentage that allows
// each category; - for what would tell of single persons.
func tellStatistics(w io.Writer, counted api.SiteStatistics) {
	var keys []string
	for _, share := range slices.Concat(counted.Choices.Categories, counted.Standing.Categories) {
		if !slices.Contains(keys, share.Category) {
			keys = append(keys, share.Category)
		}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s\tTOTAL\t%s\n", strings.ToUpper(string(counted.By)), strings.Join(keys, "\t"))
	tell := func(name string, f site.Figure) {
		line := []string{name, "-"}
		if f.Total != nil {
			line[1] = strconv.FormatInt(*f.Total, 10)
		}
		for _, key := range keys {
			rate := "-"
			for _, share := range f.Categories {
				if share.Category == key && share.Rate != nil {
					rate = strconv.FormatFloat(*share.Rate, 'f', 1, 64) + " %"
				}
			}
			line = append(line, rate)
		}
		fmt.Fprintln(table, strings.Join(line, "\t"))
	}
	for _, g := range counted.Groups {
		tell(cmp.Or(g.Value, "unknown"), g.Figure)
	}
	if counted.Others != nil {
		tell("others", *counted.Others)
	}
	tell("all of "+counted.From+" to "+counted.To, counted.Choices)
	tell("stands now", counted.Standing)
	_ = table.Flush()
}
