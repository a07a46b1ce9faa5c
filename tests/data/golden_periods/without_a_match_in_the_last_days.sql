SELECT DISTINCT
  "clients"."name" AS "name"
FROM "clients"
WHERE NOT EXISTS (SELECT 1 FROM "bills" WHERE "clients"."client" = "bills"."client"   AND "bills"."scenario" = 'Actual'   AND "bills"."kind" = 'Flow'   AND ("bills"."issued" >= date_trunc('day', CAST((SELECT max("bills"."issued") FROM "bills" WHERE "bills"."scenario" = 'Actual'   AND "bills"."kind" = 'Flow') AS DATE)) - INTERVAL 29 DAY AND "bills"."issued" < date_trunc('day', CAST((SELECT max("bills"."issued") FROM "bills" WHERE "bills"."scenario" = 'Actual'   AND "bills"."kind" = 'Flow') AS DATE)) + INTERVAL 1 DAY))
ORDER BY "name" ASC NULLS LAST
LIMIT 200
