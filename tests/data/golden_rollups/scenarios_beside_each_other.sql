SELECT
  sum("books"."amount") FILTER (WHERE "versions"."version" = 'Actual') AS "actual",
  sum("books"."amount") FILTER (WHERE "versions"."version" = 'Budget') AS "budget",
  CASE WHEN sum("books"."amount") FILTER (WHERE "versions"."version" = 'Budget') > 0 THEN (sum("books"."amount") FILTER (WHERE "versions"."version" = 'Actual') - sum("books"."amount") FILTER (WHERE "versions"."version" = 'Budget')) / sum("books"."amount") FILTER (WHERE "versions"."version" = 'Budget') END AS "over"
FROM "books"
JOIN "chart" ON "books"."account_key" = "chart"."account_key"
JOIN "units" ON "books"."unit_key" = "units"."unit_key"
JOIN "versions" ON "books"."version_key" = "versions"."version_key"
WHERE "chart"."account_key" IN (2, 10)
LIMIT 200
