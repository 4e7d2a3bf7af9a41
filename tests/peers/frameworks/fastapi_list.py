"""One list in FastAPI, with the cursor pages of fastapi-pagination as its guide shows them.

``python fastapi_list.py PORT`` serves it on 127.0.0.1 from a database in the current folder; KEY is the only key.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid5

import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi_pagination import add_pagination
from fastapi_pagination.cursor import CursorPage
from fastapi_pagination.ext.sqlalchemy import paginate
from pydantic import AwareDatetime, BaseModel, field_validator
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

KEY = os.environ["KEY"]
ITEMS = 25
engine = create_engine("sqlite:///things.db")


class Base(DeclarativeBase):
    pass


class Thing(Base):
    __tablename__ = "things"

    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    created_at: Mapped[datetime]


class ThingOut(BaseModel, from_attributes=True):
    id: str
    kind: str
    created_at: AwareDatetime

    @field_validator("created_at", mode="before")
    @classmethod
    def in_utc(cls, moment: datetime) -> datetime:
        return moment.replace(tzinfo=UTC)  # SQLite keeps no zone


def known(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> None:
    if credentials.credentials != KEY:
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})


app = FastAPI(dependencies=[Depends(known)])


@app.get("/things", operation_id="listThings")
def list_things(kind: str | None = None) -> CursorPage[ThingOut]:
    things = select(Thing).order_by(Thing.created_at.desc(), Thing.id.desc())
    with Session(engine) as session:
        return paginate(session, things if kind is None else things.where(Thing.kind == kind))


add_pagination(app)

if __name__ == "__main__":
    Base.metadata.create_all(engine)
    began = datetime(2026, 1, 1, tzinfo=UTC)
    with Session(engine) as session:
        session.add_all(
            Thing(
                id=f"thing_{uuid5(UUID(int=0), str(number)).hex}",
                kind=("round", "square", "flat")[number % 3],
                created_at=began + timedelta(seconds=number // 2),
            )
            for number in range(ITEMS)
        )
        session.commit()
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
