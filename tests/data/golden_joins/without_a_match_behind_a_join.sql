SELECT
  count(*) AS "n"
FROM "customers"
WHERE "customers"."customer_id" < 3
  AND NOT EXISTS (SELECT 1 FROM "sales" JOIN "prices" ON "sales"."item" = "prices"."item" AND "sales"."day" >= "prices"."valid_from" AND ("prices"."valid_to" IS NULL OR "sales"."day" <= "prices"."valid_to") WHERE "customers"."customer_id" = "sales"."customer_id"   AND "prices"."price" = 10)
LIMIT 200
