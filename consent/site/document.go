package site

import "time"

// Document is a version as visitors are shown it in one language and region.
// It is built when the version is published and never changes. The script on
// the page takes it as JSON: sdk/js/src/protocol.ts has the same fields.
type Document struct {
	Site      string   `json:"site"` // key
	Version   int      `json:"version"`
	Digest    string   `json:"digest"` // of the version
	Language  string   `json:"language"`
	Languages []string `json:"languages"`
	Direction string   `json:"direction"` // ltr or rtl
	Region    string   `json:"region"`
	Mode      Mode     `json:"mode"`
	// Material: a choice that was made under an earlier version is asked again.
	Material   int                `json:"material"`
	Texts      map[string]string  `json:"texts"`
	Links      map[string]string  `json:"links"`
	Categories []DocumentCategory `json:"categories"`
	Vendors    []DocumentVendor   `json:"vendors"`
	Changes    []DocumentChange   `json:"changes,omitempty"`
	Look       Look               `json:"look,omitempty"` // position as the property inset takes it
	URL        string             `json:"url"`            // of this document, for good
}

// DocumentCategory is an Asked in one language.
type DocumentCategory struct {
	Key         string   `json:"key"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Necessary   bool     `json:"necessary,omitempty"`
	Sale        bool     `json:"sale,omitempty"`
	Google      []string `json:"google,omitempty"`
	Since       int      `json:"since"`
	Days        int      `json:"days"`
	Cookies     []Cookie `json:"cookies,omitempty"`
}

// DocumentVendor is a Named, without what only operators need.
type DocumentVendor struct {
	Key      string   `json:"key"`
	Name     string   `json:"name"`
	Provider string   `json:"provider,omitempty"`
	Country  string   `json:"country,omitempty"`
	Category string   `json:"category"`
	Purposes []string `json:"purposes,omitempty"`
	Privacy  string   `json:"privacy,omitempty"`
	Days     int      `json:"days,omitempty"`
	Cookies  []Cookie `json:"cookies,omitempty"`
	Hosts    []string `json:"hosts,omitempty"`
	Scripts  []string `json:"scripts,omitempty"`
	Since    int      `json:"since"`
}

// DocumentChange is a Changed in one language.
type DocumentChange struct {
	Version    int       `json:"version"`
	At         time.Time `json:"published_at"`
	Summary    string    `json:"summary"`
	Categories []string  `json:"categories,omitempty"`
	Vendors    []string  `json:"vendors,omitempty"`
}
