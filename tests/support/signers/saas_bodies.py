"""What the providers of `saas_mac`, `saas` and `clouds` report, in their own formats."""

XERO = (
    b'{"events":[{"resourceUrl":"https://api.xero.com/api.xro/2.0/Invoices/717f2bfc",'
    b'"resourceId":"717f2bfc-c6d4-41fd-b238-3f2f0c0cf777","eventDateUtc":"2025-10-09T08:53:20",'
    b'"eventType":"Update","eventCategory":"INVOICE","tenantId":"c2cc9b6e"}],'
    b'"firstEventSequence":1,"lastEventSequence":1,"entropy":"S0m3r4Nd0mt3xt"}'
)
SHOPIFY = (
    b'{"id":820982911946154508,"admin_graphql_api_id":"gid://shopify/Order/820982911946154508",'
    b'"financial_status":"paid","total_price":"10.50","currency":"EUR","note":"caf\xc3\xa9"}'
)
GITHUB = (
    b'{"action":"opened","issue":{"id":73464126,"number":2,"title":"Spelling caf\xc3\xa9"},'
    b'"repository":{"id":35129377,"full_name":"baxterthehacker/public-repo"}}'
)
GITLAB = (
    b'{"object_kind":"push","event_name":"push","ref":"refs/heads/main","project_id":15,'
    b'"project":{"id":15,"path_with_namespace":"mike/diaspora"}}'
)
BITBUCKET = (
    b'{"push":{"changes":[{"new":{"type":"branch","name":"main"}}]},'
    b'"repository":{"uuid":"{b7f7}","full_name":"team/repo"},"actor":{"nickname":"emma"}}'
)
SLACK = (
    b'{"token":"one-long-verification-token","team_id":"T061EG9R6","api_app_id":"A0PNCHHK2",'
    b'"event":{"type":"message","channel":"C024BE91L","user":"U2147483697","text":"caf\xc3\xa9"},'
    b'"type":"event_callback","event_id":"Ev9UQ52YNA","event_time":1760000000}'
)
DISCORD = (
    b'{"version":1,"application_id":"1234560123453231555","type":1,"event":'
    b'{"type":"APPLICATION_AUTHORIZED","timestamp":"2025-10-09T08:53:20.706905",'
    b'"data":{"user":{"id":"936929561302675456","global_name":"Caf\xc3\xa9"}}}}'
)
TWILIO = (
    b"MessageSid=SM1234567890ABCDE1234567890ABCDE12&SmsStatus=delivered&From=%2B14158675309"
    b"&To=%2B18005551212&Body=Caf%C3%A9+cr%C3%A8me&NumMedia=0&MediaUrl="
)
TWILIO_JSON = b'{"property": "value", "boolean": true}'
SENDGRID = (
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-0.0",'
    b'"timestamp":1760000000}]\r\n'
)
MAILGUN = (
    b'{"event-data":{"id":"ncV2XwymRUKbPek_MIM-Gw","event":"delivered",'
    b'"timestamp":1759999998.5,"recipient":"alice@example.com"}}'
)
HUBSPOT = (
    b'[{"eventId":100,"subscriptionId":1769,"portalId":62515,"occurredAt":1760000000000,'
    b'"subscriptionType":"deal.propertyChange","attemptNumber":0,"objectId":123,'
    b'"propertyName":"amount","propertyValue":"10.50"}]'
)
ZOOM = (
    b'{"event":"meeting.started","payload":{"account_id":"AAAAAABBBB","object":{"id":"1234567890",'
    b'"uuid":"4444AAAiAAAAAiAiAiiAii==","topic":"Caf\xc3\xa9"}},"event_ts":1760000000000}'
)
INTERCOM = (
    b'{"type":"notification_event","topic":"conversation.user.created",'
    b'"id":"notif_ccd8a4d0-f965-11e3-a367-c779cae3e1b3","created_at":1760000000,'
    b'"data":{"type":"notification_event_data","item":{"type":"conversation","id":"147"}}}'
)
TYPEFORM = (
    b'{"event_id":"LtWXD3crgy","event_type":"form_response","form_response":{"form_id":"lT4Z3j",'
    b'"token":"a3a12ec67a1365927098a606107fac15","submitted_at":"2025-10-09T08:53:20Z",'
    b'"answers":[{"type":"text","text":"Caf\xc3\xa9"}]}}'
)
ZENDESK = (
    b'{"account_id":12514403,"detail":{"id":"35436","subject":"Caf\xc3\xa9"},'
    b'"event":{"current":"SOLVED"},"id":"cbe4028c","subject":"zen:ticket:35436",'
    b'"time":"2025-10-09T08:53:20Z","type":"zen:event-type:ticket.status_changed"}'
)
LINEAR = (
    b'{"action":"create","type":"Comment","data":{"id":"2174add1-f7c8-44e3-bbf3-2d60b5ea8bc9",'
    b'"body":"Caf\xc3\xa9"},"webhookTimestamp":1760000000000,"webhookId":"000042e3"}'
)
SENTRY = (
    b'{"action":"created","installation":{"uuid":"a8e5d37a-696c-4c54-adb5-b3f28d64c7de"},'
    b'"data":{"issue":{"id":"1170820242","title":"ReferenceError"}},"actor":{"type":"user"}}'
)
PAGERDUTY = (
    b'{"event":{"id":"01BWDWL3NYY7LUFPZCC28QUCMK","event_type":"incident.priority_updated",'
    b'"resource_type":"incident","occurred_at":"2025-10-09T08:53:20.458Z",'
    b'"data":{"id":"PGR0VU2","type":"incident","status":"triggered"}}}'
)
META = (
    b'{"object":"page","entry":[{"id":"682498302938465","time":1760000000,'
    b'"changes":[{"field":"feed","value":{"item":"status","message":"caf\\u00e9"}}]}]}'
)
LINE = (
    b'{"destination":"xxxxxxxxxx","events":[{"type":"message","timestamp":1760000000000,'
    b'"webhookEventId":"01FZ74A0TDDPYRVKNK77XKC3ZR","deliveryContext":{"isRedelivery":false},'
    b'"message":{"id":"444573844083572737","type":"text","text":"caf\xc3\xa9"}}]}'
)
TELEGRAM = (
    b'{"update_id":10000,"message":{"message_id":1365,"date":1760000000,'
    b'"chat":{"id":1111111,"type":"private"},"text":"/start caf\\u00e9"}}'
)
DROPBOX = b'{"list_folder":{"accounts":["dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc"]},"delta":{}}'
DOCUSIGN = (
    b'{"event":"envelope-completed","apiVersion":"v2.1","retryCount":0,"configurationId":10418598,'
    b'"generatedDateTime":"2025-10-09T08:53:20.0000000Z","data":{"accountId":"4dc4c3a5",'
    b'"envelopeId":"34fb8b6b-1d1b-4b1c-9c3f-2b7d3e5f7a9c"}}'
)
OKTA = (
    b'{"eventType":"com.okta.event_hook","eventTypeVersion":"1.0","eventId":"b5a188b9-5ece-4636",'
    b'"data":{"events":[{"uuid":"3dfe9a30","eventType":"user.lifecycle.create",'
    b'"published":"2025-10-09T08:53:20.000Z"}]},"eventTime":"2025-10-09T08:53:20Z"}'
)
AUTH0 = (
    b'{"id":"evt_1a2b3c","type":"user.created","specversion":"1.0","source":"urn:auth0:example",'
    b'"time":"2025-10-09T08:53:20Z","data":{"object":{"user_id":"auth0|507f1f77"}}}'
)
WORKOS = (
    b'{"id":"event_01HJ","event":"dsync.user.created","created_at":"2025-10-09T08:53:20.000Z",'
    b'"data":{"id":"directory_user_01E1X1B89NH8Z3SDFJR4H7RGX7","state":"active"}}'
)
SNS = (
    b'{"Type":"Notification","MessageId":"22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",'
    b'"TopicArn":"arn:aws:sns:us-west-2:123456789012:MyTopic","Subject":"payments",'
    b'"Message":"paid 10.50\\ncaf\\u00e9","Timestamp":"2012-05-02T00:54:06.655Z",'
    b'"SignatureVersion":"2","SigningCertURL":"https://sns.us-west-2.amazonaws.com/'
    b'SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",'
    b'"UnsubscribeURL":"https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe&x=1"}'
)
SNS_CONFIRMATION = (
    b'{"Type":"SubscriptionConfirmation","MessageId":"165545c9-2a5c-472c-8df2-7ff2be2b3b1b",'
    b'"Token":"2336412f37fb687f5d51e6e241d09c805a5a57b30d712f7948a98bac386edfe3",'
    b'"TopicArn":"arn:aws:sns:us-west-2:123456789012:MyTopic",'
    b'"Message":"You have chosen to subscribe.","SubscribeURL":'
    b'"https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=2336",'
    b'"Timestamp":"2012-04-26T20:45:04.751Z","SignatureVersion":"2","SigningCertURL":'
    b'"https://sns.us-west-2.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem"}'
)
CIRCLE_V1 = (
    b'{"Type":"Notification","MessageId":"22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",'
    b'"TopicArn":"arn:aws:sns:us-west-2:123456789012:MyTopic",'
    b'"Message":"{\\"clientId\\":\\"fea2ca9b\\",\\"notificationType\\":\\"transfers\\",\\"transfer\\":'
    b'{\\"id\\":\\"d48dff97\\",\\"source\\":{\\"type\\":\\"blockchain\\",\\"chain\\":\\"ETH\\"},'
    b'\\"destination\\":{\\"type\\":\\"wallet\\",\\"id\\":\\"1234549660\\"},\\"amount\\":'
    b'{\\"amount\\":\\"134.78\\",\\"currency\\":\\"USD\\"},\\"status\\":\\"pending\\"}}",'
    b'"Timestamp":"2012-05-02T00:54:06.655Z","SignatureVersion":"2",'
    b'"SigningCertURL":"https://sns.us-west-2.amazonaws.com/'
    b'SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem",'
    b'"UnsubscribeURL":"https://sns.us-west-2.amazonaws.com/?Action=Unsubscribe&x=1"}'
)
PUBSUB = (
    b'{"message":{"attributes":{"type":"payment.paid"},"data":"MTAuNTA=",'
    b'"messageId":"2070443601311540","publishTime":"2025-10-09T08:53:20.965Z"},'
    b'"subscription":"projects/myproject/subscriptions/mysubscription"}'
)
EVENT_GRID = (
    b'[{"topic":"/subscriptions/1/resourceGroups/g","subject":"/orders/14037",'
    b'"eventType":"Contoso.Orders.Paid","eventTime":"2025-10-09T08:53:20.0Z",'
    b'"id":"831e1650-001e-001b-66ab-eeb76e069631","data":{"amount":"10.50"},"dataVersion":"1"}]'
)
