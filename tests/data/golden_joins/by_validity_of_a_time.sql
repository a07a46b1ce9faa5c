SELECT
  count("sales"."sale_id") AS "n"
FROM "sales"
JOIN "prices" ON "sales"."item" = "prices"."item" AND "sales"."at" >= "prices"."valid_from" AND ("prices"."valid_to" IS NULL OR "sales"."at" < "prices"."valid_to" + 1)
LIMIT 200
