package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"volenti.dev/volenti/auth"
	"volenti.dev/volenti/consent"
	"volenti.dev/volenti/consent/site"
	"volenti.dev/volenti/subject"
)

// Devices links the devices of visitors to people. A device is named by its id,
// which is a secret of the visitor, at a site by its key where visitors ask, and
// by its id where the company does. Where there is no such site, or nothing
// stands for the device there, it is site.ErrNotFound.
type Devices interface {
	// SendCode sends a code to an address, where too many were not sent lately. It
	// tells nothing of the address; site.ErrLinked when the device is somebody's.
	SendCode(ctx context.Context, siteKey, device string, to subject.Identity, language string) error
	// Prove judges a code: site.ErrRefused whatever is wrong. What the device says
	// is recorded for its person when it returns, as with Link.
	Prove(ctx context.Context, siteKey, device, code string) error
	// UnlinkOwn is Unlink for a visitor.
	UnlinkOwn(ctx context.Context, siteKey, device string) error
	// Link links a device for whose person somebody vouches: site.ErrLinked when
	// it is another's.
	Link(ctx context.Context, tenant, siteID, device string, identities []subject.Identity, by string) error
	// Unlink takes the device from its person. Once more it changes nothing.
	Unlink(ctx context.Context, tenant, siteID, device, by string) error
	// Of gives what stands for the devices of a subject.
	Of(ctx context.Context, tenant string, person consent.SubjectID) ([]site.Linked, error)
}

// DeviceID is a device as its page names it.
type DeviceID struct {
	Device string `json:"device" minLength:"22" maxLength:"64" pattern:"^[A-Za-z0-9_-]+$" doc:"The random id that the page keeps"`
}

type linkDeviceInput struct {
	Site string `path:"site" doc:"Key of the site"`
	Body struct {
		DeviceID
		Email    string `json:"email" minLength:"1" maxLength:"320" doc:"The code is sent there"`
		Language string `json:"language,omitempty" maxLength:"35" doc:"BCP 47 tag of the letter's language"`
	}
}

type deviceCodeOutput struct {
	Status int
	Body   DeviceCode
}

// DeviceCode says what comes next.
type DeviceCode struct {
	Next string `json:"next"`
}

const deviceCodeSent = "If the address is right, a code of 8 digits is on its way to it. It is good for 15 minutes, and no more than five an hour are sent to one address or for one device."

func sendDeviceCode(a *API, ctx context.Context, _ auth.Caller, in *linkDeviceInput) (*deviceCodeOutput, error) {
	to, err := subject.New(subject.Email, in.Body.Email)
	if err != nil {
		return nil, invalid("body.email", "it is not an address of e-mail")
	}
	if err := a.config.Devices.SendCode(ctx, in.Site, in.Body.Device, to, in.Body.Language); err != nil {
		return nil, err
	}
	return &deviceCodeOutput{http.StatusAccepted, DeviceCode{deviceCodeSent}}, nil
}

type proveDeviceInput struct {
	Site string `path:"site" doc:"Key of the site"`
	Body struct {
		DeviceID
		Code string `json:"code" minLength:"8" maxLength:"8" pattern:"^[0-9]{8}$"`
	}
}

type deviceOutput struct {
	Body DeviceLink
}

// DeviceLink says whether a device is linked to a person now.
type DeviceLink struct {
	Linked bool `json:"linked"`
}

func proveDevice(a *API, ctx context.Context, _ auth.Caller, in *proveDeviceInput) (*deviceOutput, error) {
	err := a.config.Devices.Prove(ctx, in.Site, in.Body.Device, in.Body.Code)
	return &deviceOutput{DeviceLink{true}}, err
}

type ownDeviceInput struct {
	Site string `path:"site" doc:"Key of the site"`
	Body DeviceID
}

func unlinkOwnDevice(a *API, ctx context.Context, _ auth.Caller, in *ownDeviceInput) (*deviceOutput, error) {
	err := a.config.Devices.UnlinkOwn(ctx, in.Site, in.Body.Device)
	return &deviceOutput{}, err
}

type vouchDeviceInput struct {
	ID   string `path:"id" doc:"Of the site"`
	Body struct {
		DeviceID
		Identities []Identity `json:"identities" minItems:"1" maxItems:"20" doc:"What the person is known by. Who is not known becomes a new subject"`
	}
}

func linkDevice(a *API, ctx context.Context, caller auth.Caller, in *vouchDeviceInput) (*deviceOutput, error) {
	identities, wrong := identitiesOf(in.Body.Identities)
	if len(wrong) > 0 {
		return nil, &Problem{Status: http.StatusUnprocessableEntity, Detail: notValid, Errors: wrong}
	}
	err := a.config.Devices.Link(ctx, caller.Tenant, in.ID, in.Body.Device, subject.Together(identities), caller.By())
	return &deviceOutput{DeviceLink{true}}, err
}

type unlinkDeviceInput struct {
	ID   string `path:"id" doc:"Of the site"`
	Body DeviceID
}

func unlinkDevice(a *API, ctx context.Context, caller auth.Caller, in *unlinkDeviceInput) (*deviceOutput, error) {
	err := a.config.Devices.Unlink(ctx, caller.Tenant, in.ID, in.Body.Device, caller.By())
	return &deviceOutput{}, err
}

type devicesOutput struct {
	Body DeviceList
}

// DeviceList is what stands for the devices of a person.
type DeviceList struct {
	Items []DeviceConsent `json:"items" nullable:"false"`
}

// DeviceConsent is what stands for one device. It does not name the device.
type DeviceConsent struct {
	Site       string                  `json:"site" doc:"Id of the site"`
	Key        string                  `json:"site_key"`
	ID         string                  `json:"id" format:"uuid" doc:"Of the consent, in the log"`
	Sequence   int64                   `json:"sequence" doc:"Of its latest record"`
	Version    int                     `json:"version" doc:"That was shown"`
	Digest     string                  `json:"digest" doc:"Of that version"`
	Categories map[string]DeviceAnswer `json:"categories" nullable:"false"`
	Vendors    map[string]DeviceAnswer `json:"vendors" nullable:"false" doc:"Those with an answer of their own"`
	Source     string                  `json:"source" doc:"What made the latest record"`
	Signal     bool                    `json:"gpc" doc:"The browser asks not to sell or share"`
	Recorded   time.Time               `json:"recorded_at"`
	Updated    time.Time               `json:"updated_at"`
	Expires    time.Time               `json:"expires_at" doc:"When the visitor is asked again"`
}

// DeviceAnswer is what stands about one category or vendor.
type DeviceAnswer struct {
	Granted   bool       `json:"granted"`
	Expires   *time.Time `json:"expires_at,omitempty" doc:"When a yes ends"`
	Version   int        `json:"version" doc:"Under which it was answered"`
	Elsewhere bool       `json:"elsewhere,omitempty" doc:"The person said so at another place, and not on the device"`
}

func answersOf(all map[string]site.Answer) map[string]DeviceAnswer {
	shown := map[string]DeviceAnswer{}
	for key, a := range all {
		shown[key] = DeviceAnswer{a.Granted, moment(a.Expires), a.Version, a.Elsewhere}
	}
	return shown
}

// findDevices gives an empty list for who is not known, and for several people.
func findDevices(a *API, ctx context.Context, caller auth.Caller, in *findInput) (*devicesOutput, error) {
	found, err := findSubject(a, ctx, caller, in)
	out := &devicesOutput{DeviceList{Items: []DeviceConsent{}}}
	if errors.Is(err, consent.ErrNotFound) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := a.config.Devices.Of(ctx, caller.Tenant, found.Body.Subject)
	for _, d := range all {
		out.Body.Items = append(out.Body.Items, DeviceConsent{
			Site: d.Site, Key: d.Key, ID: d.ID, Sequence: d.Sequence, Version: d.Version, Digest: d.Digest,
			Categories: answersOf(d.Categories), Vendors: answersOf(d.Vendors), Source: string(d.Source), Signal: d.Signal,
			Recorded: d.Recorded, Updated: d.Updated, Expires: d.Expires,
		})
	}
	return out, err
}

// ofDevice tells what stands in the way of linking.
func ofDevice(err error) *Problem {
	told := func(status int, detail string) *Problem {
		return &Problem{Title: http.StatusText(status), Status: status, Detail: detail}
	}
	switch {
	case errors.Is(err, site.ErrNotFound):
		return told(http.StatusNotFound, "There is no such site, or nothing was chosen there on this device. Link it after a choice.")
	case errors.Is(err, site.ErrLinked):
		return told(http.StatusConflict, "The device is linked to a person already. Unlink it first.")
	case errors.Is(err, site.ErrRefused):
		return told(http.StatusForbidden, "The code is not right, or is no longer good: it was used, has expired, or was tried too often. Ask for another one.")
	}
	return nil
}
