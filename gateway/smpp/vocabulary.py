"""The words of SMPP 3.4: what the commands and the optional parameters (TLVs) are called, and their numbers.

Names of commands and numbers of tags come from smpplib's tables, and are spelled as in the specification (sections
5.1.2.1 and 5.3.2). Users import them from :mod:`gateway.smpp.pdu`.
"""

from __future__ import annotations

from enum import IntEnum, auto

from smpplib import command_codes, consts

BIND_RECEIVER = 0x01
BIND_TRANSMITTER = 0x02
QUERY_SM = 0x03
SUBMIT_SM = 0x04
DELIVER_SM = 0x05
UNBIND = 0x06
REPLACE_SM = 0x07
CANCEL_SM = 0x08
BIND_TRANSCEIVER = 0x09
OUTBIND = 0x0B
ENQUIRE_LINK = 0x15
SUBMIT_MULTI = 0x21
ALERT_NOTIFICATION = 0x102
DATA_SM = 0x103
GENERIC_NACK = 0x80000000

RESPONSE = 0x80000000
"""The bit that makes a response's command_id of its request's."""

NAMES: dict[int, str] = {code: name for name, code in command_codes.commands.items()}
"""Every command_id that we know, with its name: requests, responses and generic_nack."""


class Tag(IntEnum):
    """TLV tags by their names in the specification (section 5.3.2), and our own ``optout_mention``."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[int]) -> int:  # noqa: ARG004 (enum's)
        number: int = consts.OPTIONAL_PARAMS[name]
        return number

    dest_addr_subunit = auto()
    dest_network_type = auto()
    dest_bearer_type = auto()
    dest_telematics_id = auto()
    source_addr_subunit = auto()
    source_network_type = auto()
    source_bearer_type = auto()
    source_telematics_id = auto()
    qos_time_to_live = auto()
    payload_type = auto()
    additional_status_info_text = auto()
    receipted_message_id = auto()
    ms_msg_wait_facilities = auto()
    privacy_indicator = auto()
    source_subaddress = auto()
    dest_subaddress = auto()
    user_message_reference = auto()
    user_response_code = auto()
    source_port = auto()
    destination_port = auto()
    sar_msg_ref_num = auto()
    language_indicator = auto()
    sar_total_segments = auto()
    sar_segment_seqnum = auto()
    sc_interface_version = auto()
    callback_num_pres_ind = auto()
    callback_num_atag = auto()
    number_of_messages = auto()
    callback_num = auto()
    dpf_result = auto()
    set_dpf = auto()
    ms_availability_status = auto()
    network_error_code = auto()
    message_payload = auto()
    delivery_failure_reason = auto()
    more_messages_to_send = auto()
    message_state = auto()
    ussd_service_op = auto()
    display_time = auto()
    sms_signal = auto()
    ms_validity = auto()
    alert_on_message_delivery = auto()
    its_reply_type = auto()
    its_session_info = auto()
    optout_mention = 0x1534
