SELECT
  strftime("books"."posted", '%Y-%m') AS "month",
  sum(CASE WHEN "chart"."account_key" IN (3, 4, 11) THEN -("books"."amount") ELSE "books"."amount" END) AS "total"
FROM "books"
JOIN "chart" ON "books"."account_key" = "chart"."account_key"
JOIN "units" ON "books"."unit_key" = "units"."unit_key"
JOIN "versions" ON "books"."version_key" = "versions"."version_key"
WHERE "versions"."version" = 'Actual'
  AND "chart"."account_key" IN (1, 2, 10, 3, 4, 5, 11)
GROUP BY 1
ORDER BY "month" ASC NULLS LAST
LIMIT 200
