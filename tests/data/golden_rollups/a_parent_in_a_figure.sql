SELECT
  strftime("books"."posted", '%Y-%m') AS "month",
  sum(CASE WHEN "chart"."account_key" IN (5) THEN -("books"."amount") ELSE "books"."amount" END) FILTER (WHERE "chart"."account_key" IN (3, 4, 5, 11)) AS "costs",
  sum(CASE WHEN "chart"."account_key" IN (5) THEN -("books"."amount") ELSE "books"."amount" END) FILTER (WHERE "chart"."account_key" IN (3, 4, 5, 11)) / nullif(sum("books"."amount") FILTER (WHERE "chart"."account_key" IN (2, 10)), 0) AS "share"
FROM "books"
JOIN "chart" ON "books"."account_key" = "chart"."account_key"
JOIN "units" ON "books"."unit_key" = "units"."unit_key"
JOIN "versions" ON "books"."version_key" = "versions"."version_key"
WHERE "versions"."version" = 'Actual'
GROUP BY 1
ORDER BY "month" ASC NULLS LAST
LIMIT 200
