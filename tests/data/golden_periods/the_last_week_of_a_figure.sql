SELECT
  sum("bills"."amount") FILTER (WHERE "bills"."scenario" = 'Actual' AND "bills"."kind" = 'Flow' AND ("bills"."at" >= date_trunc('week', CAST((SELECT max("bills"."at") FROM "bills" WHERE "bills"."scenario" = 'Actual'   AND "bills"."kind" = 'Flow') AS DATE)) - INTERVAL 0 DAY AND "bills"."at" < date_trunc('week', CAST((SELECT max("bills"."at") FROM "bills" WHERE "bills"."scenario" = 'Actual'   AND "bills"."kind" = 'Flow') AS DATE)) + INTERVAL 7 DAY)) AS "x",
  count(*) AS "n"
FROM "bills"
LIMIT 200
