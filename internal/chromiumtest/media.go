package chromiumtest

import "github.com/chromedp/cdproto/emulation"

// Media shows pages as on a medium, like "print"; "" is the screen. Pairs of
// names and values say what else the medium is, like "forced-colors", "active".
func (b *Browser) Media(medium string, features ...string) {
	b.t.Helper()
	params := emulation.SetEmulatedMediaParams{Media: medium}
	for i := 0; i+1 < len(features); i += 2 {
		params.Features = append(params.Features, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
	}
	b.do("set the medium", send(emulation.SetEmulatedMedia, params))
}
