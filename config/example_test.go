package config_test

// A configuration without a problem, with everything that the format has.
const (
	shop = `
dataset:
- fides_key: shop
  name: Shop
  description: What we sell and to whom.
  fides_meta: {after: [crm], namespace: {schema: public, database_name: app}, redact: name}
  collections:
  - name: orders
    data_categories: [user.contact]
    fides_meta:
      after: [shop.customer]
      erase_after: [shop.address]
      masking_strategy_override: {strategy: delete}
      partitioning: {where_clauses: ["created >= '2024-01-01' AND region <> 'x'", "created < '2024-01-01'"]}
      redact: name
    fields:
    - name: id
      fides_meta: {primary_key: true, data_type: integer}
    - name: customer_id
      fides_meta:
        references: [{dataset: shop, field: customer.id, direction: from}]
    - name: note
  - name: customer
    fields:
    - name: id
      fides_meta: {primary_key: true, data_type: string}
    - name: email
      data_categories: [user.unique_id]
      fides_meta:
        identity: email
        data_type: string
        length: 40
        custom_request_field: site_id
        masking_strategy_override: {strategy: string_rewrite, configuration: {rewrite_value: "x"}}
        redact: name
    - name: phones
      data_categories: [user.contact.phone_number]
      fides_meta: {data_type: "string[]", identity: phone_number, return_all_elements: true}
    - name: parts
      fides_meta: {data_type: "object[]"}
      fields:
      - name: address_id
        fides_meta: {references: [{dataset: shop, field: address.id, direction: to}]}
      - {name: nick, data_categories: [user.name]}
  - name: address
    fields:
    - {name: id, fides_meta: {primary_key: true}}
    - {name: city, data_categories: [user.contact.address.city]}
    - {name: checked, data_categories: [system.operations], fides_meta: {read_only: true}}
  - name: log
    fides_meta: {skip_processing: true}
    fields: [{name: anything}]
`
	crm = `
data_category: [{fides_key: user.loyalty, name: Loyalty}]
dataset:
- fides_key: crm
  fidesops_meta: null
  collections:
  - name: members
    fields:
    - {name: member, data_categories: null, fidesops_meta: {primary_key: true, identity: loyalty_id}}
    - {name: tier, data_categories: [user.loyalty]}
`
	policies = `
policy:
- key: default
  name: What everybody gets
  rules:
  - {key: access, action: access, targets: [user], storage: local}
  - key: erase
    action: erasure
    targets: [user]
    masking: {strategy: null_rewrite}
    keep:
    - {category: user.loyalty, reason: Points are money, ground: § 147 AO, until: "2031-12-31"}
    - {address: "shop:address.city", reason: Invoices, ground: § 147 AO}
  - {key: consent, action: consent}
`
	connections = `
system:
- {key: web, name: The web shop, data_uses: [essential.service]}
connection:
- key: db
  name: The shop
  type: postgres
  access: write
  datasets: [shop]
  system: web
  secrets: {url: "postgres://me:${PASSWORD}@host/$${x}"}
- {key: crm, type: http, access: write, datasets: [crm], secrets: {host: crm.example, port: 443}}
`
)
