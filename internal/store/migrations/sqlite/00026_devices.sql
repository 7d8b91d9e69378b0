-- Devices that are linked to a person. See 00001 for times.
-- +goose Up
ALTER TABLE site_consents ADD COLUMN linked INTEGER NOT NULL DEFAULT 0; -- seq of the act that linked it

-- Whose purposes do not follow their devices yet.
CREATE INDEX site_consents_to_bridge ON site_consents (tenant, person) WHERE person <> '' AND bridged < seq AND source <> 'ledger';

-- Codes on their way to who wants to link a device, one for each device.
CREATE TABLE device_codes (
	tenant  TEXT NOT NULL,
	site    TEXT NOT NULL,
	device  TEXT NOT NULL, -- as in site_consents
	digest  TEXT NOT NULL, -- of the address, as in code_limits
	mac     BLOB NOT NULL, -- of the code, with all that it is for
	sealed  BLOB NOT NULL, -- the address, under the tenant's key
	tries   INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	PRIMARY KEY (tenant, site, device)
) STRICT, WITHOUT ROWID;

-- How far the devices of people follow what they said elsewhere.
CREATE TABLE device_cursors (
	tenant TEXT NOT NULL PRIMARY KEY,
	seq    INTEGER NOT NULL -- the next record to be looked at
) STRICT, WITHOUT ROWID;
