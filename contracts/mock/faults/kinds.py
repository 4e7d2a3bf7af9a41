"""The kinds of causes of which faults are examples: what a person wants to know first when many clauses break."""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """A kind of cause: its sentence, and the clauses whose faults are of this kind unless they say otherwise."""

    CACHE = "A cache leaves out a part of the request when it compares, and gives the answer to another request."
    CACHE_OF_CALLERS = "A cache gives one caller what it kept for another: it does not compare the credentials."
    REMEMBERED_CALLER = (
        "Who asks is remembered from an earlier request, such as the last one on the connection, instead of being"
        " checked for each."
    )
    LEFT_OVER = (
        "Something of an earlier request on the same connection is left over: a parameter, or a part of its answer."
    )
    LOCKED_OUT = "Refusals lock out everybody who asks from the same address, the right key too."
    SHARED_STATE = "Requests at the same time share a variable, or an answer that belongs to one of them.", "PAG-020"
    NOW_AND_THEN = (
        "The same request is answered differently from time to time: one copy or process of several is wrong.",
        "PAG-019",
    )
    REDIRECT = "A redirect loses a part of the request, or leads to another place."
    ERROR_AS_200 = "Errors are answered with the status 200."
    LOGIN_PAGE = "Who is not signed in is led to a page for people, such as a login page, instead of being refused."
    EMPTY_REFUSAL = "Who may not look gets an empty list instead of a refusal."
    OPEN_DOOR = (
        "Some requests are not checked for a key at all, or any key is let in.",
        "SEC-001",
        "SEC-002",
        "SEC-003",
        "SEC-010",
    )
    RIGHTS = "Any valid key is enough: whether it has admin rights is not checked, or not everywhere.", "SEC-005"
    KEY_ELSEWHERE = "The key is also taken from another place or scheme than the document names.", "SEC-004", "SEC-006"
    KEY_IN_PART = "Keys are compared in part, or without their case.", "SEC-007"
    SPELLING = (
        "Two layers read the path differently: one that routes or checks keys, and one that answers.",
        "SCO-004",
        "SEC-013",
    )
    REFUSAL_TELLS = "Refusals tell what they should keep to themselves.", "SEC-008", "SEC-009", "INP-009"
    COALESCED = "Requests for the same URL share one answer, whoever asks.", "SEC-014", "SEC-015"
    CHALLENGE = "Refusals lack the header that says how to sign in.", "SEC-012"
    BODY = "The body is not written as one strict JSON object.", "ENV-001", "ENV-007"
    ENVELOPE = (
        "The fields around the items are written otherwise than the schema says.",
        *(f"ENV-00{number}" for number in (2, 3, 4, 5, 6, 8)),
    )
    ITEM = (
        "Items are written otherwise than the schema says.",
        *(f"ITM-0{number:02}" for number in (1, 2, 3, 5, 6, 7, 11)),
    )
    TIME = "Times are written in another unit, sign or zone.", "ITM-004", "ITM-009", "ITM-010"
    ITEM_CHANGES = "What an item holds depends on how it is asked for.", "ITM-008"
    AFTER_IGNORED = "`after` is ignored, or leads back to where the list was already read.", "PAG-017", "PAG-024"
    AFTER_BY_ONE = "The cursor is off by one: the item that `after` names is repeated, or the next one is skipped."
    AFTER_ELSEWHERE = (
        "The cursor's place is looked up in another list or order than the one that is asked for, or as an offset."
    )
    AFTER_BY_TIME = "The cursor compares `created_at` alone: items of the same second are lost or repeated."
    AFTER_NOT_FOUND = "Some items of the list are not found, or are refused, as a cursor.", "PAG-021", "PAG-018"
    CURSOR_REACHES_FAR = "A cursor is looked up in all lists, not in the one that is asked for.", "PAG-022"
    LIMIT = "`limit` is ignored, or the page is cut at another size.", "PAG-001", "PAG-002", "PAG-003"
    ENDS = (
        "`first_id` and `last_id` are not taken from the items of the page.",
        *(f"PAG-00{number}" for number in (4, 5, 6, 7)),
    )
    HAS_MORE = (
        "`has_more` is not worked out from what really follows the page.",
        "PAG-014",
        "PAG-015",
        "PAG-016",
    )
    REPEATED = "A page holds items that do not belong there: pinned, stored or joined twice.", "PAG-008", "PAG-009"
    LOST = (
        "Items are left out: the query or the index behind some pages does not hold the whole list.",
        *(
            "PAG-012",
            "PAG-013",
            "ORD-005",
        ),
    )
    FILTER_IGNORED = "`project_id` is ignored, or some of its values are taken for no filter.", "FLT-001", "FLT-004"
    FILTERS = "Several filters are not all applied, or change more than which items come.", "FLT-006", "FLT-007"
    FILTER_IN_PART = (
        "The filter looks at a part of the list, or at a page that was already cut, and does not find every item.",
        "FLT-002",
        "FLT-003",
    )
    LOOSE = "Ids are matched loosely: by a part, a pattern, or without their case.", "FLT-005", "SCO-003"
    ORDER_IGNORED = "`order` is ignored, or turned round, in some or all requests.", "ORD-001"
    QUERY_NOT_READ = "The query is not read: whatever it asks for, the answer is the first page."
    POSITION = "Where a parameter stands in the query matters: in some orders of them one is not read.", "PAG-025"
    SORT_KEY = (
        "The list is sorted by something else than `created_at`, or page by page.",
        *(f"ORD-00{number}" for number in (2, 3, 4, 6)),
        "PAG-023",
    )
    TIES = (
        "Nothing decides the order of items of the same second, so copies and queries order them differently.",
        ("ORD-007"),
    )
    CHECKPOINT = (
        "The checkpoint in the path does not choose the list alone: other lists are shown, or joined.",
        *(
            "SCO-001",
            "SCO-002",
        ),
    )
    INJECTION = "Text of a parameter becomes part of a query or of a header.", "INP-005", "HTP-006"
    LENIENT = "Parameters are not checked: a wrong value is taken for another one.", "INP-001", "INP-002", "INP-003"
    CRASH = (
        "Something in a request makes the server fail: a value that it does not check, or a page that it can't make.",
        "INP-004",
        "INP-008",
        "SEC-011",
        "HTP-005",
    )
    REFUSED = "Requests that the document allows are refused, or answered with another status than 200.", "HTP-001"
    MEDIA_TYPE = "Answers are labelled with another media type, or depend on `Accept`.", "HTP-002", "HTP-007"
    FRAMING = "The body does not fit its headers: its length, compression or charset.", "HTP-003"
    CACHEABLE = "Shared caches are allowed to keep answers.", "HTP-004"
    ERRORS_TELL = "Errors show internals: a stack trace, a path, a query.", "INP-006"
    BACKWARDS = (
        "The cursor that leads backwards is ignored, or its page is cut, ordered or filtered in a way of its own.",
        *(f"PRV-00{number}" for number in range(1, 6)),
    )
    TOKENS = (
        "Tokens do not stand for one place of one list, or what is no token is taken for one.",
        *(f"TOK-00{number}" for number in range(1, 9)),
    )
    ERRORS = "Errors are written otherwise than the document's error object.", "INP-007"

    def __init__(self, sentence: str, *clauses: str) -> None:
        self.sentence = sentence
        self.clauses = clauses

    @property
    def by_order(self) -> str:
        """Why the order in which requests arrive decides what a server of this kind breaks; "" where it does not."""
        if self in {Kind.CACHE, Kind.CACHE_OF_CALLERS}:
            return "What is kept is the answer to the request that comes first."
        return "Who is remembered is who asked last." if self is Kind.REMEMBERED_CALLER else ""

    @classmethod
    def of(cls, clause: str) -> Kind:
        """The kind of a clause's faults that name none.

        Raises:
            LookupError: No kind names this clause.
        """
        found = next((kind for kind in cls if clause in kind.clauses), None)
        if found is None:
            message = f"Name {clause} beside the kind of its faults in {__name__}."
            raise LookupError(message)
        return found
