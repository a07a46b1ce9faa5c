SELECT
  strftime("books"."posted", '%Y-%m') AS "month",
  sum("books"."amount") AS "total"
FROM "books"
JOIN "chart" ON "books"."account_key" = "chart"."account_key"
JOIN "units" ON "books"."unit_key" = "units"."unit_key"
JOIN "versions" ON "books"."version_key" = "versions"."version_key"
WHERE "chart"."account" = 'Cash'
  AND "books"."posted" IN (
    SELECT max("books"."posted")
    FROM "books"
    JOIN "chart" ON "books"."account_key" = "chart"."account_key"
    JOIN "units" ON "books"."unit_key" = "units"."unit_key"
    JOIN "versions" ON "books"."version_key" = "versions"."version_key"
    WHERE "chart"."account" = 'Cash'
    GROUP BY strftime("books"."posted", '%Y-%m')
  )
GROUP BY 1
ORDER BY "month" ASC NULLS LAST
LIMIT 200
