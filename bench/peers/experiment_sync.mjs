// stripe-experiment-sync with one connection; it makes its tables from Stripe's OpenAPI.
import { runMigrations, StripeSync } from "stripe-experiment-sync";
import { given, run } from "./client.mjs";

const silent = { info() {}, warn() {}, error: console.error };

await run(
  () => runMigrations({ databaseUrl: given.database, openApiSpecPath: given.openapi, logger: silent }),
  async () => {
    const sync = await StripeSync.create({
      poolConfig: { connectionString: given.database, max: 1 },
      stripeSecretKey: "sk_bench",
      stripeAccountId: "acct_1SBenchAccount01",
      stripeWebhookSecret: given.secret,
      logger: silent,
    });
    return {
      once: ({ body, signature }) => sync.webhook.processWebhook(body, signature),
      close: () => sync.close(),
    };
  },
);
