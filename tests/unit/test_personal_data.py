"""Personal data is found as Amazon Bedrock describes each kind, and harmless numbers are left alone."""

from __future__ import annotations

import hashlib
import random
import time
import uuid

import pytest

from aws_genai.models.access.options import PII_KINDS
from local.account.personal_data import KINDS, WITHOUT_FORM, find

#: Texts of a kind, with what is found there.
FOUND: dict[str, list[tuple[str, str]]] = {
    "EMAIL": [
        ("Write to marymajor@email.com", "marymajor@email.com"),
        ("Contact: first.last+news@sub.example.co.uk.", "first.last+news@sub.example.co.uk"),
        ("<ops@example.org>", "ops@example.org"),
        ("mailto:a_b-c@example.io?subject=x", "a_b-c@example.io"),
        ("(JANE@EXAMPLE.COM)", "JANE@EXAMPLE.COM"),
        ("a1@b2.de, then more", "a1@b2.de"),
        ("o'neil@example.com said", "o'neil@example.com"),
        ("me%you@example.museum", "me%you@example.museum"),
        ("メールはjane@example.comです", "jane@example.com"),
    ],
    "PHONE": [
        ("Call 415-555-0123 today", "415-555-0123"),
        ("My number is (212) 555-0199.", "(212) 555-0199"),
        ("+1 415 555 0123", "+1 415 555 0123"),
        ("+49 30 901820", "+49 30 901820"),
        ("Ring me on 020 7946 0958", "020 7946 0958"),
        ("Tokyo office: 03-3581-0101", "03-3581-0101"),
        ("phone: 4155550123", "4155550123"),
        ("Fax 1-800-555-0100", "1-800-555-0100"),
        ("call 555-0123 after six", "555-0123"),
        ("+33 1 42 68 53 00 (Paris)", "+33 1 42 68 53 00"),
        ("my mobile is 07911 123456", "07911 123456"),
        ("text me at 123-456-7890", "123-456-7890"),
        ("Telefon 030 90182-0", "030 90182-0"),
        ("415.555.0123", "415.555.0123"),
        ("電話は03-3581-0101です", "03-3581-0101"),
        ("０３－３５８１－０１０１まで", "０３－３５８１－０１０１"),
        ("1.800.555.0199", "1.800.555.0199"),
        ("tel:+14155550123", "+14155550123"),
        ("06 12 34 56 78", "06 12 34 56 78"),
    ],
    "URL": [
        ("See www.example.com", "www.example.com"),
        ("https://example.com/a?b=1#c.", "https://example.com/a?b=1#c"),
        ("(http://10.0.0.1:8080/x)", "http://10.0.0.1:8080/x"),
        ("ftp://files.example.org/pub", "ftp://files.example.org/pub"),
        ("HTTPS://EXAMPLE.COM", "HTTPS://EXAMPLE.COM"),
        ('<a href="https://example.com/x">', "https://example.com/x"),
        ("read https://example.com/路径 now", "https://example.com/路径"),
        ("www.example.co.uk/path, and so on", "www.example.co.uk/path"),
    ],
    "IP_ADDRESS": [
        ("198.51.100.0", "198.51.100.0"),
        ("The host 10.0.0.255 is down.", "10.0.0.255"),
        ("192.168.1.1/24", "192.168.1.1"),
        ("from 203.0.113.7, port 22", "203.0.113.7"),
        ("[172.16.254.1]", "172.16.254.1"),
        ("0.0.0.0", "0.0.0.0"),  # noqa: S104 - a text
        ("ip=8.8.8.8", "8.8.8.8"),
        ("ping 127.0.0.1?", "127.0.0.1"),
    ],
    "MAC_ADDRESS": [
        ("00:1A:2B:3C:4D:5E", "00:1A:2B:3C:4D:5E"),
        ("mac 00-1a-2b-3c-4d-5e.", "00-1a-2b-3c-4d-5e"),
        ("001a.2b3c.4d5e", "001a.2b3c.4d5e"),
        ("(aa:bb:cc:dd:ee:ff)", "aa:bb:cc:dd:ee:ff"),
        ("ether 02:42:ac:11:00:02 txqueuelen", "02:42:ac:11:00:02"),
        ("FF:FF:FF:FF:FF:FF", "FF:FF:FF:FF:FF:FF"),
        ("its address is 10:dd:b1:9f:00:01,", "10:dd:b1:9f:00:01"),
        ("MAC=3C-22-FB-00-11-22", "3C-22-FB-00-11-22"),
    ],
    "AWS_ACCESS_KEY": [
        ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
        ("key: ASIAIOSFODNN7EXAMPLE.", "ASIAIOSFODNN7EXAMPLE"),
        ('"AKIAI44QH8DHBEXAMPLE"', "AKIAI44QH8DHBEXAMPLE"),
        ("aws_access_key_id=AKIAIOSFODNN7EXAMPLE ".strip(), "AKIAIOSFODNN7EXAMPLE"),
        ("(AKIA0123456789ABCDEF)", "AKIA0123456789ABCDEF"),
        ("use AKIAIOSFODNN7EXAMPLE, please", "AKIAIOSFODNN7EXAMPLE"),
        ("export KEY='ASIA0123456789ABCDEF'", "ASIA0123456789ABCDEF"),
        ("AKIAIOSFODNN7EXAMPLE:secret", "AKIAIOSFODNN7EXAMPLE"),
    ],
    "AWS_SECRET_KEY": [
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        (
            "aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ),
        ("secret key: je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"),
        ("'je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY'", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"),
        ("my key je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY ok", "je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY"),
        (
            "AWS secret access key is aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5zA7b",
            "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5zA7b",
        ),
        ("aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5zA7b", "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5zA7b"),
        ("SecretKey: 9drTJvcXLB89EXAMPLELB8923FB892xMFI123456", "9drTJvcXLB89EXAMPLELB8923FB892xMFI123456"),
    ],
    "CREDIT_DEBIT_CARD_NUMBER": [
        ("4111 1111 1111 1111", "4111 1111 1111 1111"),
        ("My card is 5555555555554444.", "5555555555554444"),
        ("378282246310005", "378282246310005"),
        ("3782 822463 10005", "3782 822463 10005"),
        ("6011-1111-1111-1117", "6011-1111-1111-1117"),
        ("30569309025904", "30569309025904"),
        ("3530111333300000", "3530111333300000"),
        ("4222222222222", "4222222222222"),
        ("2223003122003222", "2223003122003222"),
        ("my card ending in 4242 was charged", "4242"),
    ],
    "CREDIT_DEBIT_CARD_CVV": [
        ("my CVV is 123", "123"),
        ("CVV: 4321", "4321"),
        ("cvc 999", "999"),
        ("The security code on the back is 456.", "456"),
        ("CVV2=007", "007"),
        ("123 is my cvv", "123"),
        ("card security code 321, thanks", "321"),
        ("the card verification number is 111", "111"),
    ],
    "CREDIT_DEBIT_CARD_EXPIRY": [
        ("Visa card, expires 01/27", "01/27"),
        ("card exp date: 12/2028", "12/2028"),
        ("valid thru 04/29", "04/29"),
        ("My card's expiry is 06/26.", "06/26"),
        ("Exp: 11/30", "11/30"),
        ("The credit card expires in Jan 2028", "Jan 2028"),
        ("debit card, expiration date is 09-2027", "09-2027"),
        ("4111 1111 1111 1111 expiry 08/27 cvv 123", "08/27"),
    ],
    "PIN": [
        ("My PIN is 4921", "4921"),
        ("PIN: 0000", "0000"),
        ("the PIN for my debit card is 1357.", "1357"),
        ("pin code is 2468", "2468"),
        ("PIN 8642", "8642"),
        ("pin number: 1122", "1122"),
        ("4921 is my PIN", "4921"),
        ("my pin is 1994", "1994"),
    ],
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": [
        ("DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00"),
        ("GB29NWBK60161331926819", "GB29NWBK60161331926819"),
        ("IBAN: FR1420041010050500013M02606.", "FR1420041010050500013M02606"),
        ("NL91 ABNA 0417 1643 00 please", "NL91 ABNA 0417 1643 00"),
        ("ch9300762011623852957", "ch9300762011623852957"),
        ("NO9386011117947", "NO9386011117947"),
        ("pay to ES9121000418450200051332, today", "ES9121000418450200051332"),
        ("MT84MALT011000012345MTLCAST001S", "MT84MALT011000012345MTLCAST001S"),
    ],
    "SWIFT_CODE": [
        ("SWIFT: DEUTDEFF", "DEUTDEFF"),
        ("BIC is NEDSZAJJXXX", "NEDSZAJJXXX"),
        ("The SWIFT code of the bank is CHASUS33.", "CHASUS33"),
        ("DEUTDEFFXXX", "DEUTDEFFXXX"),
        ("swift BOFAUS3N", "BOFAUS3N"),
        ("wire it to DEUTDEFF500", "DEUTDEFF500"),
        ("BARCGB22 (BIC)", "BARCGB22"),
        ("BIC/SWIFT code: UBSWCHZH80A", "UBSWCHZH80A"),
    ],
    "US_BANK_ACCOUNT_NUMBER": [
        ("account number 1234567890", "1234567890"),
        ("My bank account is 000123456789.", "000123456789"),
        ("acct #12345678", "12345678"),
        ("checking account number: 9876543210", "9876543210"),
        ("savings account 12345678901", "12345678901"),
        ("deposit into account no. 123456789012", "123456789012"),
        ("bank account ending in 6789", "6789"),
        ("the account is 55512345678", "55512345678"),
    ],
    "US_BANK_ROUTING_NUMBER": [
        ("routing number 021000021", "021000021"),
        ("ABA: 011401533", "011401533"),
        ("The routing number is 111000025.", "111000025"),
        ("RTN 121000358", "121000358"),
        ("routing no. 026009593", "026009593"),
        ("bank routing transit number: 322271627", "322271627"),
        ("ABA routing 091000019", "091000019"),
        ("021000021 is the routing number", "021000021"),
    ],
    "US_SOCIAL_SECURITY_NUMBER": [
        ("123-45-6789", "123-45-6789"),
        ("My SSN is 078-05-1120.", "078-05-1120"),
        ("SSN: 219099999", "219099999"),
        ("social security number 457 55 5462", "457 55 5462"),
        ("the last four of my SSN is 6789", "6789"),
        ("SSN ending in 1234", "1234"),
        ("(899-12-3456)", "899-12-3456"),
        ("001-01-0001", "001-01-0001"),
    ],
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER": [
        ("912-70-1234", "912-70-1234"),
        ("ITIN: 900701234", "900701234"),
        ("999-88-9999", "999-88-9999"),
        ("my ITIN is 901 71 2345", "901 71 2345"),
        ("950 80 1111", "950 80 1111"),
        ("individual tax identification number 923781234", "923781234"),
        ("taxpayer identification 945-74-5678", "945-74-5678"),
        ("(987-65-4321)", "987-65-4321"),
    ],
    "US_PASSPORT_NUMBER": [
        ("passport number 123456789", "123456789"),
        ("My passport is A12345678.", "A12345678"),
        ("US passport: 987654321", "987654321"),
        ("Passport No. C01234567", "C01234567"),
        ("passport # 340020013", "340020013"),
        ("the passport number on file is 505050505", "505050505"),
        ("A12345678 is my passport number", "A12345678"),
        ("passport=Z1234567", "Z1234567"),
    ],
    "CA_HEALTH_NUMBER": [
        ("health card number 1234 567 890", "1234 567 890"),
        ("OHIP: 9876-543-217", "9876-543-217"),
        ("My health number is 1234567890.", "1234567890"),
        ("PHN 9123456789", "9123456789"),
        ("health card: 1234-567-890-AB", "1234-567-890-AB"),
        ("health insurance number 5584486674", "5584486674"),
        ("ohip number is 6666 777 888 YZ", "6666 777 888 YZ"),
        ("personal health number 9698658215", "9698658215"),
    ],
    "CA_SOCIAL_INSURANCE_NUMBER": [
        ("SIN: 046 454 286", "046 454 286"),
        ("130-692-544", "130-692-544"),
        ("My SIN is 130692544.", "130692544"),
        ("social insurance number 453-201-519", "453-201-519"),
        ("453-201-519", "453-201-519"),
        ("SIN 123-456-789", "123-456-789"),
        ("social insurance number: 193 456 787", "193 456 787"),
        ("her SIN number is 918 640 301", "918 640 301"),
    ],
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER": [
        ("NHS number 485 777 3456", "485 777 3456"),
        ("943 476 5919", "943 476 5919"),
        ("My NHS number is 9434765919.", "9434765919"),
        ("NHS: 401 023 2137", "401 023 2137"),
        ("NHS no. 4505577104", "4505577104"),
        ("National Health Service number 485-777-3456", "485-777-3456"),
        ("the nhs number on the letter is 987 654 4321", "987 654 4321"),
        ("nhs 943 476 5919", "943 476 5919"),
    ],
    "UK_NATIONAL_INSURANCE_NUMBER": [
        ("AB 12 34 56 C", "AB 12 34 56 C"),
        ("AB123456C", "AB123456C"),
        ("NI number: JG103759A.", "JG103759A"),
        ("AA-12-34-56-B", "AA-12-34-56-B"),
        ("my insurance number is CE 12 34 56 D", "CE 12 34 56 D"),
        ("(WK441234B)", "WK441234B"),
        ("ZY 123456 A", "ZY 123456 A"),
        ("SK471234A, thanks", "SK471234A"),
    ],
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER": [
        ("UTR 1234567890", "1234567890"),
        ("My UTR is 12345 67890.", "12345 67890"),
        ("unique taxpayer reference: 9876543210", "9876543210"),
        ("UTR: 1123456789K", "1123456789K"),
        ("utr number 5829820385", "5829820385"),
        ("the tax reference is 1928374655", "1928374655"),
        ("self assessment 2345678901", "2345678901"),
        ("taxpayer reference number 55555 12345", "55555 12345"),
    ],
    "VEHICLE_IDENTIFICATION_NUMBER": [
        ("1HGCM82633A004352", "1HGCM82633A004352"),
        ("VIN: 1M8GDM9AXKP042788.", "1M8GDM9AXKP042788"),
        ("11111111111111111A VIN WVWZZZ1JZXW000001", "WVWZZZ1JZXW000001"),
        ("vehicle identification number 5YJSA1E26HF000337", "5YJSA1E26HF000337"),
        ("the VIN is JH4KA7561PC008269", "JH4KA7561PC008269"),
        ("(1FTFW1ET9DFC10312)", "1FTFW1ET9DFC10312"),
        ("chassis number WDBRF40J43F433102", "WDBRF40J43F433102"),
        ("1G1YY22G665104367 was sold", "1G1YY22G665104367"),
    ],
    "LICENSE_PLATE": [
        ("license plate 7ABC123", "7ABC123"),
        ("number plate AB12 CDE", "AB12 CDE"),
        ("My license plate is ABC-1234.", "ABC-1234"),
        ("licence plate: LK21 XYZ", "LK21 XYZ"),
        ("plate number 8XYZ456", "8XYZ456"),
        ("the car's plate is 123 ABC", "123 ABC"),
        ("vehicle registration BD51 SMR", "BD51 SMR"),
        ("License Plate #6TRJ244", "6TRJ244"),
    ],
    "DRIVER_ID": [
        ("driver's license A1234567", "A1234567"),
        ("Driver's license number: D123-4567-8901.", "D123-4567-8901"),
        ("driving licence MORGA657054SM9IJ", "MORGA657054SM9IJ"),
        ("DL: 12345678", "12345678"),
        ("my driver license number is S530-4601-2345", "S530-4601-2345"),
        ("driver's license no. 99999999", "99999999"),
        ("drivers license is F2554210", "F2554210"),
        ("driver ID 123456789", "123456789"),
    ],
    "PASSWORD": [
        ("My password is *very20special#pass*", "*very20special#pass*"),
        ("password: hunter2", "hunter2"),
        ("pwd=P@ssw0rd", "P@ssw0rd"),
        ("the password is 'correct horse'".replace("correct horse", "swordfish"), "swordfish"),
        ("my password is swordfish", "swordfish"),
        ("passphrase: Tr0ub4dor&3.", "Tr0ub4dor&3"),
        ("the Wi-Fi password is Guest2024!", "Guest2024!"),
        ("password for the portal is Winter_2025", "Winter_2025"),
    ],
    "USERNAME": [
        ("my username is jdoe", "jdoe"),
        ("username: jane_doe42.", "jane_doe42"),
        ("user name: mmajor", "mmajor"),
        ("login: ops-admin7", "ops-admin7"),
        ("my handle is @marymajor", "@marymajor"),
        ("her screen name is StarGazer", "StarGazer"),
        ("the username is j.doe", "j.doe"),
        ("user id = u123456", "u123456"),
    ],
    "AGE": [
        ("I am 40 years old", "40 years old"),
        ("a 7-year-old", "7-year-old"),
        ("she is 33 years old.", "33 years old"),
        ("aged 65", "65"),
        ("Age: 29", "29"),
        ("I'm 40 years, and well", "40 years"),
        ("my age is 52", "52"),
        ("an 18 months old child", "18 months old"),
    ],
    "ADDRESS": [
        ("100 Main Street, Anytown", "100 Main Street, Anytown"),
        ("I live at 12 Oak Ave.", "12 Oak Ave."),
        ("1600 Pennsylvania Avenue, Washington, DC 20500", "1600 Pennsylvania Avenue, Washington, DC 20500"),
        ("PO Box 1234", "PO Box 1234"),
        ("221B Baker Street", "221B Baker Street"),
        ("5 N. Elm Road", "5 N. Elm Road"),
        ("742 Evergreen Terrace", "742 Evergreen Terrace"),
        ("send it to 9 Park Lane", "9 Park Lane"),
    ],
}

#: Texts of what looks like a kind and is none of it.
NOT_FOUND: dict[str, list[str]] = {
    "EMAIL": [
        "@decorator",
        "user at example dot com",
        "foo@bar",
        "a@b.c",
        "npm i @scope/name",
        "x@",
        "git@",
        "1@2.3 is no mail",
    ],
    "PHONE": [
        "the years 2008-2019",
        "2008\u20132019",
        "2024-11-29",
        "29.11.2024",
        "11/29/2024",
        "version 10.0.19045",
        "1,234,567",
        "1.234.567,89",
        "$1,299.00",
        "order 112-1234567-1234567",
        "ISBN 978-3-16-148410-0",
        "account number 1234567890",
        "198.51.100.23",
        "12:30-14:45",
        "4111 1111 1111 1111",
        "pages 100-2000",
        "1234567890",
        "100 000 000 people",
        "2019-2020 season",
        "Python 3.11.7",
        "0.001-0.002",
        "UTR 12345 67890",
        "from 1990 to 2024",
        "2024-2025-2026",
        "550e8400-e29b-41d4-a716-446655440000",
        "90210-1234",
        "SELECT 1000000",
        "10.1145/3292500.3330701",
        "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
        "NHS number 485 777 3456",
        "DE89 3704 0044 0532 0130 00",
        "123-45-6789",
        "1234-5678",
        "3.141592653589793",
        "1 000 000",
        "2024-11-29T10:15:30",
        "20241129101530",
    ],
    "URL": [
        "example",
        "www",
        "http",
        "www.",
        "README.md",
        "a/b/c",
        "e.g. this",
        "https:// is a scheme",
        "asyncio.run()",
    ],
    "IP_ADDRESS": [
        "1.2.3",
        "256.1.1.1",
        "version 1.2.3.4",
        "v1.2.3.4",
        "1.2.3.4.5",
        "section 4.1.2.3",
        "999.999.999.999",
        "1.2.3.4-beta",
    ],
    "MAC_ADDRESS": [
        "10:30:45",
        "00:1A:2B:3C:4D",
        "00:1A:2B:3C:4D:5E:6F:70",
        "gg:hh:ii:jj:kk:ll",
        "00-1A:2B-3C:4D-5E",
        "2001:db8::1",
        "12-34-56",
        "aabbccddeeff",
    ],
    "AWS_ACCESS_KEY": [
        "AKIA",
        "AKIASHORT",
        "AROAIOSFODNN7EXAMPLE",
        "akiaiosfodnn7example",
        "XAKIAIOSFODNN7EXAMPLE",
        "AKIAIOSFODNN7EXAMPLE1",
        "AIDAIOSFODNN7EXAMPLE",
        "AKIA-IOSFODNN7-EXAMPLE",
    ],
    "AWS_SECRET_KEY": [
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "a" * 40,
        "1234567890" * 4,
        "/usr/local/lib/python3/site/packages/abc",
        "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMN",
        "what is a secret key?",
        "ApplicationInferenceProfileIdentifier123",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    ],
    "CREDIT_DEBIT_CARD_NUMBER": [
        "4111 1111 1111 1112",
        "1234567890123456",
        "0000 0000 0000 0000",
        "order 4012888888881882",
        "8a4111111111111111f0",
        "a1b24111111111111111",
        "2024112910153012",
        "1111 2222 3333 4444",
        "4111111111111111-1",
        "9999999999999995",
        "card ending soon",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
    "CREDIT_DEBIT_CARD_CVV": [
        "what is a CVV?",
        "a CVV has 3 digits",
        "error code 404",
        "123",
        "cvv is required",
        "code 999 in C",
        "room 321",
        "the security team has 120 people",
    ],
    "CREDIT_DEBIT_CARD_EXPIRY": [
        "12/25 is a holiday",
        "the certificate expires 12/2025",
        "01/21",
        "13/27 on my card expires",
        "a ratio of 06/26",
        "does a card expire?",
        "passport expiry 08/27",
        "Jan 2028",
    ],
    "PIN": [
        "what is a PIN?",
        "PINs were introduced in 1967",
        "pin it in 2024",
        "a PIN has 4 digits",
        "GPIO pin 12",
        "4921",
        "PIN: 12345",
        "spinning 1234",
    ],
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": [
        "DE89 3704 0044 0532 0130 01",
        "GB00NWBK60161331926819",
        "XX89370400440532013000",
        "AB12CD34EF56GH78",
        "DE89",
        "ISO13616202020202020",
        "DE8937040044053201300",
        "what is an IBAN?",
    ],
    "SWIFT_CODE": [
        "DATABASE",
        "SECURITY",
        "the SWIFT language",
        "ABCDEFGH",
        "PASSWORD",
        "swift: a fast bird",
        "ORDERS42",
        "TERRAFORM",
    ],
    "US_BANK_ACCOUNT_NUMBER": [
        "AWS account 123456789012",
        "account ID 123456789012",
        "1234567890",
        "account for 100 people",
        "account number?",
        "invoice 1234567890",
        "savings of 1234 dollars",
        "accounts payable",
        "an account was made in 2024",
    ],
    "US_BANK_ROUTING_NUMBER": [
        "routing number 123456789",
        "021000021",
        "routing table 10",
        "order 111000025",
        "what is a routing number?",
        "routing 021000022",
        "routing number 991000025",
        "IP routing in 2024",
    ],
    "US_SOCIAL_SECURITY_NUMBER": [
        "000-12-3456",
        "666-12-3456",
        "900-12-3456",
        "123-00-4567",
        "123-45-0000",
        "123456789",
        "1123-45-67890",
        "what is an SSN?",
        "2024-11-2900",
    ],
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER": [
        "912-69-1234",
        "912-93-1234",
        "812-70-1234",
        "912701234",
        "912-70-12345",
        "912-89-1234",
        "what is an ITIN?",
        "9-1-2",
    ],
    "US_PASSPORT_NUMBER": [
        "my passport expires in 2027",
        "123456789",
        "passport control",
        "a passport costs 130 dollars",
        "passport photo 35x45",
        "passports of 27 states",
        "passport.js 0.7.0",
        "order A12345678",
    ],
    "CA_HEALTH_NUMBER": [
        "1234 567 890",
        "health is 100 percent",
        "health check on port 8080",
        "1234567890",
        "what is an OHIP number?",
        "health card",
        "health 2024",
        "/health returned 200",
    ],
    "CA_SOCIAL_INSURANCE_NUMBER": [
        "123-456-789",
        "046 454 286",
        "046454286",
        "sin(30) = 0.5",
        "the sin of pride",
        "850-692-544",
        "130-692-545",
        "SIN?",
    ],
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER": [
        "9434765918",
        "943 476 5918",
        "the NHS has 1300000 staff",
        "the NHS was founded in 1948",
        "111 111 1111",
        "what is an NHS number?",
        "943-476-5919",
        "9434765919",
    ],
    "UK_NATIONAL_INSURANCE_NUMBER": [
        "BG123456A",
        "AB123456E",
        "AB12345C",
        "DA123456A",
        "AB1234567",
        "XAB123456C",
        "ab cd",
        "ZZ123456A",
    ],
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER": [
        "1234567890",
        "what is a UTR?",
        "12345 67890",
        "UTR 123",
        "order 1234567890",
        "tax of 1000",
        "UTR 12345678901",
        "future",
    ],
    "VEHICLE_IDENTIFICATION_NUMBER": [
        "1HGCM82633A004353",
        "11111111111111111",
        "ABCDEFGHJKLMNPRST",
        "1HGCM82633A00435",
        "12345678901234567",
        "IOQ12345678901234",
        "what is a VIN?",
        "vin rouge 2015",
    ],
    "LICENSE_PLATE": [
        "7ABC123",
        "a license plate",
        "plate tectonics",
        "license plate 1",
        "boilerplate ABC123",
        "a plate of 12 oysters",
        "template A1234",
        "number plates of 2024",
    ],
    "DRIVER_ID": [
        "a driver's license",
        "driver 535.104",
        "A1234567",
        "driving licence rules",
        "the driver is 40",
        "driver version 12",
        "NVIDIA driver 550",
        "DLL 12345678",
    ],
    "PASSWORD": [
        "my password is not working",
        "what is a password?",
        "password: required",
        "the password is wrong",
        "password=None",
        "password: str",
        "reset my password",
        "password is incorrect",
        "password = input()",
        "password: ${PASSWORD}",
        "is my password expired?",
        "your password was reset",
    ],
    "USERNAME": [
        "what is a username?",
        "the username is required",
        "username is taken",
        "username: string",
        "login failed",
        "my username is not found",
        "user names",
        "handle the error",
    ],
    "AGE": [
        "40 years of experience",
        "in 10 years",
        "the year 1984",
        "page 40",
        "stage 4",
        "20 years ago",
        "a 3-year contract",
        "average: 29",
    ],
    "ADDRESS": [
        "100 main ideas",
        "3 Drive letters",
        "a street",
        "24 Hours",
        "the Main Street",
        "5 Ways",
        "Box 12",
        "12 Monkeys",
    ],
}


def values(text: str, kind: str) -> list[str]:
    return [text[each.start : each.end] for each in find(text, [kind])]


def test_every_kind_of_the_api_is_tried() -> None:
    assert KINDS | WITHOUT_FORM == PII_KINDS
    assert set(FOUND) == set(NOT_FOUND) == set(KINDS)
    for kind in KINDS:
        assert len(FOUND[kind]) >= 8, kind
        assert len(NOT_FOUND[kind]) >= 8, kind


@pytest.mark.parametrize(("kind", "text", "value"), [(kind, *each) for kind, all_ in FOUND.items() for each in all_])
def test_it_is_found(kind: str, text: str, value: str) -> None:
    assert values(text, kind) == [value]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, all_ in NOT_FOUND.items() for text in all_])
def test_what_looks_like_it_is_not(kind: str, text: str) -> None:
    assert values(text, kind) == []


def harmless() -> list[str]:
    """300 questions that hold numbers and codes of all sorts and no personal data."""
    draw = random.Random(2026)  # noqa: S311 - texts, not secrets
    text = "Quarterly figures"

    def digits(count: int) -> str:
        return "".join(draw.choice("0123456789") for _ in range(count))

    templates = [
        lambda: f"What happened between {draw.randint(1900, 2010)}-{draw.randint(2011, 2026)} in the industry?",
        lambda: f"Compare the seasons {draw.randint(1990, 2024)}/{draw.randint(10, 99)} and 2025/26.",
        lambda: (
            f"Is version {draw.randint(0, 20)}.{draw.randint(0, 99)}.{draw.randint(0, 9999)} newer than v1.{draw.randint(0, 9)}.3.4?"
        ),
        lambda: f"Where is order {digits(3)}-{digits(7)}-{digits(7)}?",
        lambda: f"Please explain invoice INV-{digits(8)} of {draw.randint(1, 28):02d}.{draw.randint(1, 12):02d}.2025.",
        lambda: (
            f"Does ${draw.randint(1, 999)},{digits(3)}.{digits(2)} include tax, or is it EUR {draw.randint(1, 99)}.{digits(3)},00?"
        ),
        lambda: f"What does commit {hashlib.sha1(digits(9).encode()).hexdigest()} change?",  # noqa: S324 - no secret
        lambda: f"Verify the checksum {hashlib.sha256(digits(9).encode()).hexdigest()}.",
        lambda: f"Which row has the id {uuid.UUID(int=draw.getrandbits(128), version=4)}?",
        lambda: f"Summarise the text between <{draw.getrandbits(64):016x}> and </{draw.getrandbits(64):016x}>: {text}",
        lambda: f"Mark {draw.getrandbits(96):024x} begins a document; what does it say?",
        lambda: f"Is ISBN 978-{digits(1)}-{digits(2)}-{digits(6)}-{digits(1)} still printed?",
        lambda: f"How do I loop: for i in range({draw.randint(0, 9)}, {digits(6)}): print(i ** {draw.randint(2, 9)})?",
        lambda: (
            f"The job ran from {draw.randint(0, 23):02d}:{draw.randint(0, 59):02d}:12 to 23:59:59; why {digits(4)} ms?"
        ),
        lambda: f"Why does /v1/items?page={draw.randint(1, 999)}&size={digits(3)} answer 404?",
        lambda: (
            f"The city has {draw.randint(1, 9)} {digits(3)} {digits(3)} people; how many per km2 at {digits(3)}.{digits(2)} km2?"
        ),
        lambda: (
            f"Read article {draw.randint(1, 99)} ({draw.randint(1, 9)}) of regulation 2016/{digits(3)}, pages {draw.randint(1, 99)}-{draw.randint(100, 999)}."
        ),
        lambda: f"Our ticket #{digits(6)} says error 0x{draw.getrandbits(32):08X} at line {digits(4)}.",
        lambda: (
            f"Convert {digits(5)}.{digits(3)} km to miles and {draw.randint(-40, 50)} C to F; show {draw.random():.12f}."
        ),
        lambda: (
            f"When did the {draw.randint(10, 99)}th meeting of 20{digits(2)}-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}T09:30:00Z end?"
        ),
        lambda: f"Instance i-{draw.getrandbits(68):017x} of AWS account {digits(12)} is slow; why?",
        lambda: f"Part {digits(4)}-{digits(4)} and model XR-{digits(3)} of batch {digits(10)}: are they the same?",
        lambda: f"Sum {digits(2)}, {digits(3)} and {digits(4)}; is {digits(7)} prime?",
        lambda: (
            f"The password policy asks for {draw.randint(8, 20)} letters and a PIN of 4 digits since {draw.randint(1990, 2024)}; why?"
        ),
        lambda: f"Is doi:10.{digits(4)}/{digits(7)}.{digits(7)} cited with arXiv:{digits(4)}.{digits(5)}?",
    ]
    return [templates[number % len(templates)]() for number in range(300)]


def test_harmless_questions_are_left_alone() -> None:
    kinds = sorted(KINDS - {"URL"})
    found = [(text, [(each.kind, text[each.start : each.end]) for each in find(text, kinds)]) for text in harmless()]
    assert len({text for text, _ in found}) > 250
    assert [each for each in found if each[1]] == []


def test_marks_of_hexadecimal_digits_are_no_cards() -> None:
    draw = random.Random(7)  # noqa: S311 - marks, not secrets
    marks = [f"{draw.getrandbits(128):032x}" for _ in range(5000)]
    assert [each for each in marks if find(f"<document {each}>", sorted(KINDS))] == []


def test_a_number_has_one_kind_where_the_words_say_which() -> None:
    kinds = sorted(KINDS)
    text = "NHS number 485 777 3456, IBAN DE89 3704 0044 0532 0130 00, card 4111 1111 1111 1111, call 415-555-0123."
    assert [each.kind for each in find(text, kinds)] == [
        "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
        "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
        "CREDIT_DEBIT_CARD_NUMBER",
        "PHONE",
    ]


@pytest.mark.parametrize(
    "part",
    [
        "1",
        "1 ",
        "a",
        "1-",
        "a.",
        "password ",
        "my pin ",
        "A1",
        "account ",
        "@",
        "+1 ",
        "http://",
        "(1) ",
        "a@b.de ",
        "415-555-0123 ",
        "123-45-6789, ",
    ],
)
def test_long_texts_take_no_longer_than_they_should(part: str) -> None:
    text = (part * 25_000)[:25_000]
    begun = time.perf_counter()
    find(text, sorted(KINDS))
    assert time.perf_counter() - begun < 5
