SELECT
  sum("books"."amount") AS "total"
FROM "books"
JOIN "chart" ON "books"."account_key" = "chart"."account_key"
JOIN "units" ON "books"."unit_key" = "units"."unit_key"
JOIN "versions" ON "books"."version_key" = "versions"."version_key"
WHERE "chart"."account" = 'Cash'
  AND "books"."posted" BETWEEN DATE '2024-01-01' AND DATE '2024-01-31'
LIMIT 200
