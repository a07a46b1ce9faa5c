SELECT
  "sales"."sale_id" AS "sale_id",
  sum("prices"."price") AS "x"
FROM "sales"
JOIN "prices" ON "sales"."item" = "prices"."item" AND "sales"."day" >= "prices"."valid_from" AND ("prices"."valid_to" IS NULL OR "sales"."day" <= "prices"."valid_to")
GROUP BY 1
ORDER BY "sale_id" ASC NULLS LAST
LIMIT 200
