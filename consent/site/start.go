package site

// Start is the draft that a site begins with: the usual categories, in English.
// Origins and vendors are left to say.
func Start() Draft {
	return Draft{
		Origins:   []string{},
		Languages: []string{"en"},
		Categories: []Category{
			{Key: "necessary", Necessary: true, Google: []string{"security_storage"}},
			{Key: "functional", Google: []string{"functionality_storage", "personalization_storage"}},
			{Key: "statistics", Google: []string{"analytics_storage"}},
			{Key: "marketing", Sale: true, Google: []string{"ad_storage", "ad_user_data", "ad_personalization"}},
		},
	}
}
