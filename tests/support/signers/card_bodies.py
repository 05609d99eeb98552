"""What the providers of `cards` report, in their own formats."""

STRIPE = b"""{
  "id": "evt_1NG8Du2eZvKYlo2CUI79vXWy",
  "object": "event",
  "created": 1760000000,
  "type": "payment_intent.succeeded",
  "data": { "object": { "id": "pi_3NG8Du2eZvKYlo2C", "amount": 1050, "currency": "eur",
    "description": "caf\xc3\xa9 / ok" } }
}"""
ADYEN = (
    b'{"live":"false","notificationItems":[{"NotificationRequestItem":{"additionalData":'
    b'{"cardSummary":"1111"},"amount":{"currency":"EUR","value":1050},"eventCode":"AUTHORISATION",'
    b'"eventDate":"2025-10-09T08:53:20+00:00","merchantAccountCode":"TestMerchant",'
    b'"merchantReference":"order:14037/caf\xc3\xa9","paymentMethod":"visa",'
    b'"pspReference":"7914073381342284","reason":"033899:1111:03/2030","success":"true"}}]}'
)
ADYEN_TWO = (
    b'{"live":"false","notificationItems":[{"NotificationRequestItem":{"additionalData":{},'
    b'"amount":{"currency":"EUR","value":1050},"eventCode":"AUTHORISATION",'
    b'"merchantAccountCode":"TestMerchant","merchantReference":"14037",'
    b'"pspReference":"7914073381342284","reason":"first","success":"true"}},'
    b'{"NotificationRequestItem":{"amount":{"currency":"EUR","value":2100},"eventCode":"CAPTURE",'
    b'"originalReference":"7914073381342284","merchantAccountCode":"TestMerchant",'
    b'"merchantReference":"14037","pspReference":"8836183819713023","reason":"second",'
    b'"success":"true"}}]}'
)
ADYEN_PLATFORM = (
    b'{"data":{"id":"48TYZO5ZVVIDVLHT","balancePlatform":"Example","amount":{"value":1050,'
    b'"currency":"EUR"},"status":"authorised"},"type":"balancePlatform.transfer.updated",'
    b'"environment":"test","createdAt":"2025-10-09T08:53:20Z"}'
)
PAYPAL = (
    b'{"id":"WH-0G2756385H040842W-5Y612302CV158622M","create_time":"2025-10-09T08:53:20Z",'
    b'"resource_type":"sale","event_type":"PAYMENT.SALE.COMPLETED","resource":'
    b'{"id":"4EU7004268015634R","state":"completed","amount":{"total":"10.50","currency":"EUR"}}}'
)
SQUARE = (
    b'{"merchant_id":"MLEFBHHSJGVHD","type":"payment.updated",'
    b'"event_id":"ac3ac95b-f97d-458c-a6e6-18981597e05f","created_at":"2025-10-09T08:53:20.0Z",'
    b'"data":{"type":"payment","id":"hYy9pRFVxpDsO1FB05SunFWUe9JZY","object":{"payment":'
    b'{"amount_money":{"amount":1050,"currency":"EUR"},"status":"COMPLETED"}}}}'
)
BRAINTREE = (
    b'<notification><timestamp type="datetime">2025-10-09T08:53:20Z</timestamp>'
    b"<kind>transaction_settled</kind><subject><transaction><id>ecaed129ud1</id>"
    b"<status>settled</status><amount>10.50</amount></transaction></subject></notification>"
)
PADDLE = (
    b'{"event_id":"evt_01hs0t94tjvtv62azjmkbeysz7","event_type":"transaction.completed",'
    b'"occurred_at":"2025-10-09T08:53:20.466759Z","notification_id":'
    b'"ntf_01hs0t94ws0ay8keh5t4rq70ht","data":{"id":"txn_01hs0t94g83hs5jdw282ztqa4z",'
    b'"status":"completed","details":{"totals":{"total":"1050","currency_code":"EUR"}}}}'
)
PADDLE_CLASSIC = (
    b"alert_name=payment_succeeded&alert_id=1530563092&event_time=2025-10-09+08%3A53%3A20"
    b"&order_id=219233-90214&sale_gross=10.50&currency=EUR&customer_name=J%C3%B6rg+M"
    b"&passthrough=&p_tax_amount=1.68"
)
WISE = (
    b'{"data":{"resource":{"type":"transfer","id":111,"profile_id":222,"account_id":333},'
    b'"current_state":"outgoing_payment_sent","previous_state":"processing",'
    b'"occurred_at":"2025-10-09T08:53:20Z"},"subscription_id":"01234567-89ab-cdef",'
    b'"event_type":"transfers#state-change","schema_version":"2.0.0",'
    b'"sent_at":"2025-10-09T08:53:20Z"}'
)
PLAID = b"""{
  "webhook_type": "TRANSFER",
  "webhook_code": "TRANSFER_EVENTS_UPDATE",
  "item_id": "wz666MBjYWTp2PDzzggYhM6oWWmBb",
  "environment": "production"
}"""
MOLLIE = (
    b'{"resource":"event","id":"event_GvJ8WHrp5isUdRub9CJyH","type":"payment-link.paid",'
    b'"entityId":"pl_qng5gbbv8NAZ5gpM5ZYgx","createdAt":"2025-10-09T08:53:20.0Z",'
    b'"_embedded":{"entity":{"amount":{"currency":"EUR","value":"10.50"}}}}'
)
RAZORPAY = (
    b'{"event":"payment.captured","entity":"event","contains":["payment"],"payload":{"payment":'
    b'{"entity":{"id":"pay_6koWN7bvxujzxM","amount":1050,"currency":"INR","status":"captured"}}},'
    b'"created_at":1760000000}'
)
CHECKOUT = (
    b'{"id":"evt_az5sblvku4ge3dwpztvyizgcau","type":"payment_captured","version":"1.0.21",'
    b'"created_on":"2025-10-09T08:53:20Z","data":{"id":"pay_waji73mxzbzetdrm5hc2tgqvoa",'
    b'"amount":1050,"currency":"EUR"}}'
)
GOCARDLESS = (
    b'{"events":[{"id":"EV00BD05S5VM2T","created_at":"2025-10-09T08:53:20.404Z",'
    b'"resource_type":"payments","action":"confirmed","links":{"payment":"PM123"},'
    b'"details":{"origin":"gocardless"}}],"meta":{"webhook_id":"WB123"}}'
)
PAYSTACK = (
    b'{"event":"charge.success","data":{"id":302961,"reference":"qTPrJoy9Bx","status":"success",'
    b'"amount":1050,"currency":"NGN","paid_at":"2025-10-09T08:53:20.000Z"}}'
)
FLUTTERWAVE = (
    b'{"webhook_id":"wbk_7f3a","timestamp":1760000000000,"type":"charge.completed",'
    b'"data":{"id":"chg_285959875","reference":"Links-616626414629","amount":10.5,'
    b'"currency":"NGN","status":"succeeded"}}'
)
