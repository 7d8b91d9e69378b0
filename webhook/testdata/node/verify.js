// Reads deliveries as a JSON array from standard input, and says of each, as a
// JSON array, whether a receiver with this secret takes it.
const { Webhook } = require("standardwebhooks");

const deliveries = JSON.parse(require("fs").readFileSync(0, "utf8"));
const verdicts = deliveries.map(({ secret, headers, body }) => {
  try {
    return JSON.stringify(new Webhook(secret).verify(body, headers)) === JSON.stringify(JSON.parse(body));
  } catch {
    return false;
  }
});
process.stdout.write(JSON.stringify(verdicts));
