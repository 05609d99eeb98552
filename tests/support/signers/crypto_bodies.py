"""What the crypto and payment rails of `crypto_mac` report, in their own formats."""

CHARGE = (
    b'{"id":1,"scheduled_for":"2025-10-09T08:53:20Z","attempt_number":1,'
    b'"event":{"id":"24934862-d980-46cb-9402-43c81b0cdba6","type":"charge:confirmed",'
    b'"created_at":"2025-10-09T08:53:20Z","data":{"code":"66BEOV2A","name":"Caf\xc3\xa9",'
    b'"pricing":{"local":{"amount":"10.50","currency":"EUR"}}}}}'
)
INVOICE = (
    b'{"deliveryId":"TWm1vVVfDFmi1mTSKqFYNv","webhookId":"7SnqGCzvWFCV2FZ2L5bkqJ",'
    b'"originalDeliveryId":"TWm1vVVfDFmi1mTSKqFYNv","isRedelivery":false,'
    b'"type":"InvoiceSettled","timestamp":1760000000,"storeId":"8d2Nd6LWyGL6GPVF",'
    b'"invoiceId":"UoN3pnB1ALVkAzLKy9Gxqu","metadata":{"orderId":"caf\xc3\xa9-1"}}'
)
ONCHAIN = (
    b'{"id":"evt-7f3a","eventType":"onchain.activity.detected","network":"base-mainnet",'
    b'"data":{"transactionHash":"0x88df","value":"1050000"}}'
)
IPN = (
    b"ipn_version=1.0&ipn_type=api&ipn_mode=hmac&ipn_id=d2e0c7f5a1&merchant=606a89bb575311b"
    b"&txn_id=CPKD3RZ7GWBLKGNFRDPDK9TZDS&status=100&status_text=Complete&currency1=EUR"
    b"&currency2=BTC&amount1=10.50&amount2=0.0001&item_name=Caf%C3%A9+cr%C3%A8me"
)
COINPAYMENTS = (
    b'{"id":"e7ba7ac5e0e04f2fb3ad1b3c8b0eb1a4","type":"InvoiceCompleted",'
    b'"timestamp":"2025-10-09T08:53:20Z","invoice":{"id":"S3GGNVFqVUBQvDAYAmRHCv",'
    b'"state":"Completed","amount":{"currencyId":"5057","value":"1050"}}}'
)
TRIPLEA = (
    b'{"event":"payment","type":"triplea","status":"done","payment_reference":"GBP-ABC-7",'
    b'"order_currency":"EUR","order_amount":10.50,"crypto_currency":"BTC",'
    b'"payment_tier":"good"}'
)
ALCHEMY = (
    b'{"webhookId":"wh_octjglnywaupz6th","id":"whevt_ogrc5v64myey69ux",'
    b'"createdAt":"2025-10-09T08:53:20.000000Z","type":"ADDRESS_ACTIVITY",'
    b'"event":{"network":"ETH_MAINNET","activity":[{"value":0.105,"asset":"ETH",'
    b'"hash":"0x7a4a39da2a3fa1fc2ef88fd1eaea070286ed2aba21e0419dcfb6d5c5d9f02a72"}]}}'
)
STREAM = (
    b'[{"hash":"0x88df016429689c079f3b2f6ad39fa052532c56795b733da78a91ebe6a713944b",'
    b'"value":"0xde0b6b3a7640000","blockNumber":"0x1b4"}]'
)
MORALIS = (
    b'{"confirmed":true,"chainId":"0x1","tag":"deposits","streamId":"c28d9e2e-ae9d-4fe6",'
    b'"block":{"number":"15386800","hash":"0x2e10f0","timestamp":"1760000000"},'
    b'"erc20Transfers":[{"transactionHash":"0xf9cd","value":"10500000"}],"retries":0}'
)
HELIUS = (
    b'[{"signature":"5nNtjezQMYBHvgSQmoRmJPiXGsPAWmJPoGSa64xanqrauogiVzFyGQhKeFataHGXq51jR2hj'
    b'jzNTkPUpP787HAmL","type":"TRANSFER","timestamp":1760000000,'
    b'"nativeTransfers":[{"amount":1050000000}]}]'
)
TATUM = (
    b'{"address":"TJG7iciLGjsib9qhe6U6F7M2vxYJuDjWNM","amount":"20","asset":"TRON",'
    b'"blockNumber":44087791,"txId":"93442189d7bccbe009f8ab594831ff9d","type":"native",'
    b'"chain":"tron-testnet","subscriptionType":"ADDRESS_EVENT"}'
)
BVNK = (
    b'{"event":"transactionConfirmed","source":"payment","data":{"uuid":"9e2b9a0a",'
    b'"status":"COMPLETE","paidCurrency":{"currency":"EUR","amount":10.50}}}'
)
MOONPAY = (
    b'{"type":"transaction_updated","externalCustomerId":"adbb317d","data":{"id":"354b1f46",'
    b'"status":"completed","baseCurrencyAmount":10.50}}'
)
STRIKE = (
    b'{"id":"0b7f2a1e-0001","eventType":"invoice.updated","webhookVersion":"v1",'
    b'"data":{"entityId":"5e7c1c4e-ffff","changes":["state"]},'
    b'"created":"2025-10-09T08:53:20.000Z","deliverySuccess":true}'
)
COINIFY = (
    b'{"id":"f3ac1b2e","event":"payment-intent.completed","time":"2025-10-09T08:53:20.000Z",'
    b'"context":{"id":"7d2f","state":"completed","amount":"10.50","currency":"EUR"}}'
)
CRYPTOPAY = (
    b'{"type":"ChannelPayment","event":"created","data":{"id":"284d4b79-fea6-46ce-bc2f-0f9cbed6367e",'
    b'"txid":"09723bf7","network":"bitcoin","paid_amount":"0.02","paid_currency":"BTC",'
    b'"status":"pending","custom_id":"caf\xc3\xa9"}}'
)
ZEROXPAY = (
    b'{"id":"b2a46898","from":"bc1qxy2k","ticker":"BTC","blockchain":"BITCOIN",'
    b'"kind":"Replenish","amount":"0.105"}'
)
PAYMENT = (
    b'{"event_id":"evt_1","type":"payment.confirmed","payment_id":"pay_1","amount":"10.50",'
    b'"note":"caf\xc3\xa9"}'
)
COINGATE = (
    b"id=343&order_id=14037&status=paid&price_amount=10.50&price_currency=EUR"
    b"&receive_currency=EUR&receive_amount=10.40&pay_amount=0.0001&pay_currency=BTC"
    b"&created_at=2025-10-09T08%3A53%3A20%2B00%3A00"
)
BITPAY = (
    b'{"event":{"code":1005,"name":"invoice_confirmed"},"data":{"id":"Hpqc63wvE1ZjzeeH4kEycF",'
    b'"orderId":"14037","status":"confirmed","price":10.50,"currency":"EUR"}}'
)
