# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Django: /def/NAME?do=.. is answered by a view that is a function, /later/NAME by one that works on when it has answered: for
gunicorn `wsgi`, for uvicorn `asgi`."""
import django
import python_work
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

python_work.start()
settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="truth", ALLOWED_HOSTS=["*"], DEBUG=False)
django.setup()


def view(request, name):
    return JsonResponse({"did": python_work.run(name, request.GET["do"])})


def truth(_):
    return JsonResponse(python_work.ledger())


urlpatterns = [path("def/<str:name>", view), path("truth", truth)]
wsgi = get_wsgi_application()
asgi = get_asgi_application()
