"""Files attached to records. A record type that declares `files=True` gets the endpoints; who reaches a record reaches its files.

The bytes lie in the capability `storage`, what is known of them in the table `record_files`. The row is there before the first
byte and says so, so that whatever breaks off leaves something that the daily sweep finds.
"""
