"""One list in Django REST framework and in Django Ninja, each with its own cursor pagination as its guide shows it.

``python django_lists.py PORT`` serves it on 127.0.0.1 from a database in the current folder; KEY is the only key.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4, uuid5

import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "things.db"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "rest_framework", "drf_spectacular"],
    REST_FRAMEWORK={
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    },
    ROOT_URLCONF=__name__,
    SECRET_KEY=uuid4().hex,
    TIME_ZONE="UTC",
)
django.setup()

import waitress
from django.contrib.auth.models import User
from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from django.urls import path
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularJSONAPIView
from ninja import NinjaAPI, Schema
from ninja.pagination import CursorPagination, paginate
from ninja.security import HttpBearer
from rest_framework import authentication, exceptions, generics, pagination, permissions, serializers

KEY = os.environ["KEY"]
ITEMS = 25
ORDER = ("-created_at", "-id")


class Thing(models.Model):
    id = models.UUIDField(primary_key=True)
    created_at = models.DateTimeField()

    class Meta:
        app_label = "things"


class Bearer(authentication.TokenAuthentication):
    keyword = "Bearer"

    def authenticate_credentials(self, key):
        if key != KEY:
            raise exceptions.AuthenticationFailed
        return User(username="admin"), None


class DescribedBearer(OpenApiAuthenticationExtension):
    target_class = Bearer
    name = "bearer"

    def get_security_definition(self, auto_schema):  # noqa: ARG002 - the framework's signature
        return {"type": "http", "scheme": "bearer"}


class ThingSerializer(serializers.ModelSerializer):
    class Meta:
        model = Thing
        fields = ("id", "created_at")


class Pages(pagination.CursorPagination):
    page_size = 10
    page_size_query_param = "page_size"
    max_page_size = 100
    ordering = ORDER


class Things(generics.ListAPIView):
    authentication_classes = (Bearer,)
    pagination_class = Pages
    permission_classes = (permissions.IsAuthenticated,)
    queryset = Thing.objects.all()
    serializer_class = ThingSerializer


class NinjaBearer(HttpBearer):
    def authenticate(self, request, token):  # noqa: ARG002 - the framework's signature
        return token if token == KEY else None


class ThingOut(Schema):
    id: UUID
    created_at: datetime


api = NinjaAPI(auth=NinjaBearer())


@api.get("/things", response=list[ThingOut], operation_id="listThings")
@paginate(CursorPagination, ordering=ORDER, page_size=10)
def list_things(request):  # noqa: ARG001 - the framework's signature
    return Thing.objects.all()


urlpatterns = [
    path("rest/things/", Things.as_view()),
    path("rest/openapi.json", SpectacularJSONAPIView.as_view()),
    path("ninja/", api.urls),
]

if __name__ == "__main__":
    with connection.schema_editor() as editor:
        editor.create_model(Thing)
    began = datetime(2026, 1, 1, tzinfo=UTC)
    Thing.objects.bulk_create(
        Thing(id=uuid5(UUID(int=0), str(number)), created_at=began + timedelta(seconds=number // 2))
        for number in range(ITEMS)
    )
    waitress.serve(get_wsgi_application(), listen=f"127.0.0.1:{sys.argv[1]}")
